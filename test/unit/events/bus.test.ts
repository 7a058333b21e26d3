import { expect, test } from "bun:test";
import { createChangeSignal } from "../../../src/events/bus.ts";

const never = () => new AbortController().signal;

test("a wait for an index that has passed ends at once", async () => {
  expect(await createChangeSignal(5).waitAbove(4, never())).toBe(5);
});

test("a wait ends with the change it waited for, and only then", async () => {
  const changes = createChangeSignal(1);
  let seen = 0;
  const waiting = changes.waitAbove(2, never()).then((index) => {
    seen = index;
  });
  changes.bump();
  await Promise.resolve();
  expect(seen).toBe(0);
  changes.bump();
  await waiting;
  expect(seen).toBe(3);
});

test("a wait that is given up ends with the index as it is", async () => {
  const abort = new AbortController();
  const waiting = createChangeSignal(1).waitAbove(1, abort.signal);
  abort.abort();
  expect(await waiting).toBe(1);
});
