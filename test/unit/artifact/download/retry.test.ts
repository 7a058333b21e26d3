import { expect, test } from "bun:test";
import { DEFAULT_RETRY, isWorthTelling, pauseMillis, readRetryAfter } from "../../../../src/artifact/download/retry.ts";

test("pauses double from one second to thirty, less up to half of it", () => {
  const pauses = (random: number) => [1, 2, 3, 5, 6, 40].map((n) => pauseMillis(DEFAULT_RETRY, n, null, random));
  expect(pauses(1)).toEqual([1000, 2000, 4000, 16_000, 30_000, 30_000]);
  expect(pauses(0)).toEqual([500, 1000, 2000, 8000, 15_000, 15_000]);
});

test("what the server wishes is honoured up to two minutes, and never shortens a pause", () => {
  expect(pauseMillis(DEFAULT_RETRY, 1, 10_000, 1)).toBe(10_000);
  expect(pauseMillis(DEFAULT_RETRY, 1, 0, 1)).toBe(1000);
  expect(pauseMillis(DEFAULT_RETRY, 1, 86_400_000, 1)).toBe(120_000);
});

const NOW = Date.parse("Sun, 06 Nov 1994 08:49:37 GMT");
const wishes: [string | null, number | null][] = [
  ["0", 0],
  [" 12 ", 12_000],
  ["Sun, 06 Nov 1994 08:49:47 GMT", 10_000],
  ["Sun, 06 Nov 1994 08:49:00 GMT", 0],
  ["-5", null],
  ["1.5", null],
  ["soon", null],
  ["9".repeat(40), null],
  ["", null],
  [null, null],
];
test.each(wishes)("Retry-After %p is %p ms", (text, millis) => {
  expect(readRetryAfter(text, NOW)).toBe(millis);
});

test("of a hundred thousand tries ten are told", () => {
  const told = Array.from({ length: 100_000 }, (_, index) => index + 1).filter(isWorthTelling);
  expect(told).toEqual([1, 2, 3, 4, 5, 10, 100, 1000, 10_000, 100_000]);
});
