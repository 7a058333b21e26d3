import { expect, test } from "bun:test";
import { textWidth } from "../../../src/base/text-width.ts";

test.each([
  ["", 0],
  ["plain text", 10],
  ["größe", 5],
  ["机器", 4],
  ["ﾊﾝｶｸ", 4],
  ["ＡＢ", 4],
  ["한국어", 6],
  ["🚀 x", 4],
  ["e\u0301", 1],
  ["a\u200db", 2],
  ["→ …", 3],
])("%j takes %d columns", (text, columns) => {
  expect(textWidth(text)).toBe(columns);
});

test("a letter takes as many columns as Bun says", () => {
  // Letters of which Bun thinks that they combine.
  const known = ["980", "c80", "d3a"];
  const odd: string[] = [];
  for (let point = 0xa0; point < 0x10000; point++) {
    const char = String.fromCodePoint(point);
    if (/^\p{L}$/u.test(char) && textWidth(char) !== Bun.stringWidth(char)) odd.push(point.toString(16));
  }
  expect(odd).toEqual(known);
});
