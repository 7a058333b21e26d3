import { expect, test } from "bun:test";
import { createMeter, type Progress } from "../../../../src/artifact/download/progress.ts";

/** A meter of so many bytes that began at 0, what it has told, and the clock that it looks at. */
function measured(total: number | null) {
  const clock = { now: 0 };
  const seen: Progress[] = [];
  const meter = createMeter(
    total,
    (progress) => seen.push(progress),
    0,
    () => clock.now,
  );
  return { meter, seen, clock };
}

test("reports at most four times a second and once at the end", () => {
  const { meter, seen, clock } = measured(null);
  for (; clock.now < 1000; clock.now += 10) meter.add(100);
  expect(seen.map(({ bytes }) => bytes)).toEqual([2600, 5100, 7600]);
  meter.finish();
  expect(seen.at(-1)).toMatchObject({ bytes: 10_000, total: null });
});

test("the rate follows the speed, smoothed", () => {
  const { meter, seen, clock } = measured(5000);
  clock.now = 1000;
  meter.add(1000);
  expect(seen.at(-1)).toEqual({ bytes: 1000, total: 5000, rate: 1000 });
  clock.now = 2000;
  meter.add(2000);
  expect(seen.at(-1)).toEqual({ bytes: 3000, total: 5000, rate: 1300 });
});

test("finishing at once divides by no time", () => {
  const { meter, seen } = measured(0);
  meter.finish();
  expect(seen).toEqual([{ bytes: 0, total: 0, rate: 0 }]);
});

test("bytes that were dropped are taken back, and no rate is below zero", () => {
  const { meter, seen, clock } = measured(5000);
  clock.now = 1000;
  meter.add(1000);
  clock.now = 2000;
  meter.add(-600);
  expect(seen.at(-1)).toEqual({ bytes: 400, total: 5000, rate: 700 });
});
