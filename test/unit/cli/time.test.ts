import { expect, test } from "bun:test";
import { HOUR, MILLISECOND, MINUTE, SECOND } from "../../../src/base/units.ts";
import { formatClock, formatSpan, formatTime, spanSince } from "../../../src/cli/time.ts";

test("a length of time has the digits that people read", () => {
  const texts = [0, 18.4 * MILLISECOND, 1.26 * SECOND, 5 * SECOND, 75 * SECOND, 3 * HOUR + 12 * MINUTE + 9 * SECOND];
  expect(texts.map(formatSpan)).toEqual(["0ms", "18ms", "1.3s", "5s", "1m15s", "3h12m"]);
});

test("a length of time that a wrong clock made negative is none", () => {
  expect(formatSpan(-5 * SECOND)).toBe("0ms");
});

test("a moment is shown in local time, and 0 is none", () => {
  const local = new Date(2026, 2, 1, 14, 5, 9);
  expect(formatTime(local.getTime() * MILLISECOND)).toBe("2026-03-01 14:05:09");
  expect(formatClock(local.getTime() * MILLISECOND)).toBe("14:05:09");
  expect(formatTime(0)).toBe("");
});

test("the time since a moment is known when the moment is", () => {
  expect(spanSince("2026-01-01T00:00:00.000Z", Date.UTC(2026, 0, 1, 0, 0, 2))).toBe(2 * SECOND);
  expect(spanSince(null, 0)).toBeUndefined();
  expect(spanSince("soon", 0)).toBeUndefined();
});
