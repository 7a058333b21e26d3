import { expect, test } from "bun:test";
import { countInRanges, formatRanges, inRanges, parseRanges } from "../../../src/base/ranges.ts";

test("a list of numbers and ranges is read with spaces around its parts, and written again", () => {
  const ranges = parseRanges(" 22, 80 ,8500 - 8600", 1, 65_535) ?? [];
  expect(formatRanges(ranges)).toBe("22,80,8500-8600");
  expect(parseRanges("", 1, 9)).toEqual([]);
  expect([21, 22, 8550, 8601].map((port) => inRanges(ranges, port))).toEqual([false, true, true, false]);
});

test.each(["a", "1,,2", "1-", "-1", "3-2", "0", "10", "1-10", "1.5", "9999999", "1;2"])(
  "%p is no list from 1 to 9",
  (text) => {
    expect(parseRanges(text, 1, 9)).toBeUndefined();
  },
);

test("numbers that stand twice are counted once, and none outside the bounds", () => {
  expect(countInRanges(parseRanges("0-3,2,2-5,9", 0, 99) ?? [], 0, 7)).toBe(6);
  expect(countInRanges([], 0, 7)).toBe(0);
});
