import { describe, expect, test } from "bun:test";
import {
  formatBytes,
  formatDuration,
  HOUR,
  isDay,
  MINUTE,
  parseBytes,
  parseDuration,
  SECOND,
  toWireTime,
  utcTime,
} from "../../../src/base/units.ts";

describe("durations", () => {
  const cases: [string, number][] = [
    ["0", 0],
    ["5s", 5 * SECOND],
    ["1m30s", 90 * SECOND],
    ["1.5h", 90 * MINUTE],
    [".5s", SECOND / 2],
    ["-10ms", -10_000_000],
    ["+1h", HOUR],
    ["1h1m1s1ms1us1ns", HOUR + MINUTE + SECOND + 1_001_001],
    ["1µs", 1000],
  ];
  for (const [text, nanos] of cases) test(`${text} is ${nanos} ns`, () => expect(parseDuration(text)).toBe(nanos));
  for (const text of ["", "5", "s", "1 s", "1d", "1m30", "--1s", "1e3s", "9999999999h"]) {
    test(`${JSON.stringify(text)} is none`, () => expect(parseDuration(text)).toBeUndefined());
  }
  const shown: [number, string][] = [
    [0, "0s"],
    [90 * SECOND, "1m30s"],
    [HOUR, "1h0m0s"],
    [250_000_000, "250ms"],
    [1500, "1.5µs"],
    [-5 * SECOND, "-5s"],
    [2.5 * SECOND, "2.5s"],
  ];
  for (const [nanos, text] of shown) {
    test(`${nanos} ns is written ${text} and read back`, () => {
      expect(formatDuration(nanos)).toBe(text);
      expect(parseDuration(text)).toBe(nanos);
    });
  }
});

test("bytes are written for people", () => {
  expect([0, 512, 1024, 1536, 150 * 1024, 20 * 2 ** 30].map(formatBytes)).toEqual([
    "0 B",
    "512 B",
    "1 KiB",
    "1.5 KiB",
    "150 KiB",
    "20 GiB",
  ]);
});

test("a time on the wire is an integer that JSON writes out", () => {
  expect(JSON.stringify(toWireTime(1_795_464_000_123))).toMatch(/^1795464000\d{9}$/);
});

describe("byte counts", () => {
  test.each([
    ["4096", 4096],
    ["0", 0],
    ["1K", 1024],
    ["20GiB", 20 * 2 ** 30],
    ["20 gib", 20 * 2 ** 30],
    ["1.5T", 1.5 * 2 ** 40],
    ["7 B", 7],
    ["0.3KiB", 307],
  ])("%s is %d bytes", (text, bytes) => expect(parseBytes(text)).toBe(bytes));

  // GB is 10^9 bytes to one reader and 2^30 to the next.
  test.each(["", "GiB", "-1", "1GB", "1e3", "0x10", "9P", "1 2", "K", "1.K", " 1", "1KB", "1iB"])(
    "%p is none",
    (text) => expect(parseBytes(text)).toBeUndefined(),
  );

  test("what is written for people reads back", () => {
    for (const bytes of [0, 512, 1024, 20 * 2 ** 30, 3 * 2 ** 40]) expect(parseBytes(formatBytes(bytes))).toBe(bytes);
  });
});

test("a moment is told to the second", () => {
  expect(utcTime(Date.UTC(2026, 11, 3, 7, 55, 20, 556))).toBe("2026-12-03T07:55:20Z");
});

test("a day is one that the calendar has", () => {
  for (const day of ["2026-02-28", "2024-02-29", "2026-12-31"]) expect(isDay(day)).toBe(true);
  for (const day of ["2026-02-29", "2026-02-31", "2026-04-31", "2026-13-01", "2026-00-01", ""])
    expect(isDay(day)).toBe(false);
});
