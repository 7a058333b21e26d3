import { describe, expect, test } from "bun:test";
import { createLineSplitter, parseLine } from "../../../src/qmp/lines.ts";

describe("a line splitter", () => {
  test("gives the same lines for every cut of the stream", () => {
    const stream = Buffer.from("one\r\n\r\ntwö\n\0\0three\0\nrest");
    for (let size = 1; size <= stream.length; size++) {
      const splitter = createLineSplitter();
      const lines: string[] = [];
      for (let at = 0; at < stream.length; at += size)
        lines.push(...(splitter.push(stream.subarray(at, at + size)) ?? []));
      expect(lines).toEqual(["one", "twö", "three"]);
    }
  });

  test("takes a line of the limit and refuses a longer one, in one piece or in many", () => {
    expect(createLineSplitter(8).push(Buffer.from("12345678\n"))).toEqual(["12345678"]);
    expect(createLineSplitter(8).push(Buffer.from("123456789\n"))).toBeNull();
    const splitter = createLineSplitter(8);
    expect(splitter.push(Buffer.from("12345678"))).toEqual([]);
    expect(splitter.push(Buffer.from("9"))).toBeNull();
  });

  test("counts the limit for each line anew", () => {
    const splitter = createLineSplitter(8);
    expect(splitter.push(Buffer.from("1234567\n1234567\n1234567"))).toEqual(["1234567", "1234567"]);
    expect(splitter.push(Buffer.from("8\n"))).toEqual(["12345678"]);
  });

  test("keeps a long line whole", () => {
    const splitter = createLineSplitter();
    const line = "x".repeat(1_000_000);
    expect(splitter.push(Buffer.from(line))).toEqual([]);
    expect(splitter.push(Buffer.from(`${line}\nnext\n`))).toEqual([line + line, "next"]);
  });
});

test("a line that is no JSON has no value", () => {
  expect(parseLine("{")).toBeUndefined();
  expect(parseLine('{"a":1}')).toEqual({ a: 1 });
});
