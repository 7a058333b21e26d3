import { expect, test } from "bun:test";
import { createWatchdog } from "../../../../src/artifact/download/watchdog.ts";

test("barks once for the last arm, however often it was armed before", async () => {
  let barks = 0;
  const { promise, resolve } = Promise.withResolvers<void>();
  const watchdog = createWatchdog(20, () => {
    barks++;
  });
  for (let count = 0; count < 5; count++) watchdog.arm();
  // Armed later and for longer: what the earlier ones left behind would have barked by then.
  createWatchdog(60, resolve).arm();
  await promise;
  expect(barks).toBe(1);
});

test("says nothing once it was disarmed", async () => {
  let barks = 0;
  const { promise, resolve } = Promise.withResolvers<void>();
  const watchdog = createWatchdog(5, () => {
    barks++;
  });
  watchdog.arm();
  watchdog.arm();
  watchdog.disarm();
  createWatchdog(30, resolve).arm();
  await promise;
  expect(barks).toBe(0);
});
