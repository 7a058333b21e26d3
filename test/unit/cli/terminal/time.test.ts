import { expect, test } from "bun:test";
import { HOUR, MILLISECOND, MINUTE, SECOND } from "../../../../src/base/units.ts";
import {
  formatClock,
  formatSpan,
  formatStamp,
  formatTime,
  parseMoment,
  spanSince,
} from "../../../../src/cli/terminal/time.ts";

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

const NOON = new Date(2026, 2, 1, 12, 0, 0).getTime();

for (const [text, moment] of [
  ["10m", NOON - 600_000],
  ["1h30m", NOON - 5_400_000],
  ["0", NOON],
  ["11:59", new Date(2026, 2, 1, 11, 59).getTime()],
  ["12:00:01", new Date(2026, 1, 28, 12, 0, 1).getTime()],
  ["2026-02-28", new Date(2026, 1, 28).getTime()],
  ["2026-02-28 14:05", new Date(2026, 1, 28, 14, 5).getTime()],
  ["2026-02-28T14:05:09.5", new Date(2026, 1, 28, 14, 5, 9, 500).getTime()],
  ["2026-02-28T14:05:09Z", Date.UTC(2026, 1, 28, 14, 5, 9)],
  ["2026-02-28t14:05:09+01:30", Date.UTC(2026, 1, 28, 12, 35, 9)],
] as const) {
  test(`${text} is a moment`, () => {
    expect(parseMoment(text, NOON)).toBe(moment);
  });
}

for (const text of [
  "",
  "yesterday",
  "-10m",
  "+10m",
  "10",
  "25:00",
  "2026-02-31x",
  "2026-02-31",
  "2026-02-29 14:05",
  "2026-13-01",
  "14",
  "1e3s",
  "2026-02-28 14:05 CET",
]) {
  test(`${JSON.stringify(text)} is no moment`, () => {
    expect(parseMoment(text, NOON)).toBeUndefined();
  });
}

test("a stamp is RFC 3339 and reads as the moment it was made of, to the second", () => {
  const stamp = formatStamp((NOON + 345) * MILLISECOND);
  expect(stamp).toMatch(/^2026-03-01T12:00:00[+-]\d\d:\d\d$/);
  expect(parseMoment(stamp, 0)).toBe(NOON);
});
