import { describe, expect, test } from "bun:test";
import { escapeControls, nearestName, orList, shellOperand, shellWord } from "../../../src/base/text.ts";

describe("making control bytes visible", () => {
  test("disarms terminal sequences and text direction", () => {
    expect(escapeControls("a\u001b[2J\u009b1m\u202eb\r\n")).toBe("a\\x1b[2J\\x9b1m\\u202eb\\x0d\\x0a");
  });
  test("keeps lines and tabs when asked", () => {
    expect(escapeControls("a\tb\nc\u0007", true)).toBe("a\tb\nc\\x07");
  });
});

describe("suggesting a name", () => {
  const known = ["image_path", "accelerator", "args", "port_map"];
  test("finds what was meant", () => {
    expect(nearestName("image_pth", known)).toBe("image_path");
    expect(nearestName("agrs", known)).toBe("args");
    expect(nearestName("Port_Map", known)).toBe("port_map");
  });
  test("says nothing when nothing is near", () => {
    expect(nearestName("colour", known)).toBeUndefined();
    expect(nearestName("x", known)).toBeUndefined();
    expect(nearestName("x", ["y", "yz"])).toBeUndefined();
    expect(nearestName("", ["y"])).toBeUndefined();
  });
  test("counts a swap of two letters once", () => {
    expect(nearestName("ba", ["ab"])).toBe("ab");
    expect(nearestName("abdc", ["abab", "abcd"])).toBe("abcd");
  });
  test("compares nothing with what is too long to be a name", () => {
    const long = "n".repeat(1_000_000);
    expect(nearestName(`${long}x`, [long])).toBeUndefined();
  });
});

test("lists are joined as people do", () => {
  expect([orList([]), orList(["a"]), orList(["a", "b"]), orList(["a", "b", "c"])]).toEqual([
    "",
    "a",
    "a or b",
    "a, b or c",
  ]);
});

test("a word is quoted for a shell where it must be", () => {
  for (const word of ["web", "shop/web-1.2", "a=b,c:d@e%f+g"]) expect(shellWord(word)).toBe(word);
  expect(shellWord("a b")).toBe("'a b'");
  expect(shellWord("$(reboot);")).toBe("'$(reboot);'");
  expect(shellWord("it's")).toBe("'it'\\''s'");
  expect(shellWord("")).toBe("''");
});

test("a name that begins with a dash is no flag behind two of them", () => {
  expect(shellOperand("-web")).toBe("-- -web");
  expect(shellOperand("-a b")).toBe("-- '-a b'");
  expect(shellOperand("web-1")).toBe("web-1");
});
