import { describe, expect, test } from "bun:test";
import { optionValue, quote, splitOption } from "../../../src/qemu/quote.ts";

test.each(["plain", "a,b", ",", ",,,", "a=b,c", "ends,", "ü, x"])("what was quoted is read back whole: %j", (value) => {
  const parts = splitOption(`file=${quote(value, "field")},if=ide`);
  expect(parts).toEqual([
    { key: "file", value },
    { key: "if", value: "ide" },
  ]);
});

// slirp, the pipe chardev and the log end a text at NUL or newline; a terminal would obey the others.
test.each(["\0", "\n", "\r", "\u001b", "\u007f"])("the byte %j is refused", (byte) => {
  expect(() => quote(`a${byte}b`, "config.image_path")).toThrow("config.image_path");
});

describe("an option is taken apart as QEMU does", () => {
  test("the first part without = stands for the implied key, later ones are switches", () => {
    expect(splitOption("user,id=n,restrict")).toEqual([
      { key: "", value: "user" },
      { key: "id", value: "n" },
      { key: "restrict", value: "on" },
    ]);
  });

  test("the last value of a key counts, the implied one too", () => {
    expect(optionValue(splitOption("a,type=b"), "type", "type")).toBe("b");
    expect(optionValue(splitOption("a,x=b"), "type", "type")).toBe("a");
    expect(optionValue(splitOption("a,x=b"), "y", "type")).toBeUndefined();
  });
});
