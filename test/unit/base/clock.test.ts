import { expect, test } from "bun:test";
import { systemClock } from "../../../src/base/clock.ts";

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
