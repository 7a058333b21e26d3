import { expect, test } from "bun:test";
import { systemClock, untilBeat } from "../../../src/base/clock.ts";

test("a timer that is to wait longer than the runtime's own can does not end at once", async () => {
  let called = false;
  const cancel = systemClock.after(2 ** 40, () => {
    called = true;
  });
  await new Promise<void>((resolve) => systemClock.after(20, resolve));
  cancel();
  expect(called).toBe(false);
});

test("a timer that was cancelled does not call back", async () => {
  const called: string[] = [];
  systemClock.after(1, () => called.push("cancelled"))();
  await new Promise<void>((resolve) => systemClock.after(5, resolve));
  expect(called).toEqual([]);
});

for (const [millis, now, wait] of [
  [3_000, 0, 3_000],
  [3_000, 5, 2_995],
  [3_000, 2_000, 1_000],
  // A moment before the beat it belongs to.
  [3_000, 2_999.5, 3_000.5],
  [3_000, 2_899, 101],
  [30_000, 3_000_000, 30_000],
  [30_000, 3_001_500, 28_500],
] as const) {
  test(`a wait of ${millis} ms that begins at ${now} takes ${wait} until its beat`, () => {
    expect(untilBeat(millis, now)).toBeCloseTo(wait, 6);
  });
}

test("waits that begin at any time end at few moments, none more than a beat early or 0.1 s late", () => {
  const ends = new Set<number>();
  for (let now = 0; now < 12_000; now += 7) {
    const wait = untilBeat(30_000, now);
    expect(wait).toBeGreaterThan(26_999);
    expect(wait).toBeLessThanOrEqual(30_100);
    ends.add(Math.round(now + wait));
  }
  expect(ends.size).toBe(5);
});
