import { afterEach, beforeEach, expect, test } from "bun:test";
import { silentLog } from "../../../src/base/log.ts";
import { restWhenQuiet } from "../../../src/daemon/rest.ts";
import { type ChangeSignal, createChangeSignal } from "../../../src/events/bus.ts";
import { type ManualClock, manualClock } from "../../helpers/manual-clock.ts";
import { until } from "../../helpers/until.ts";

let clock: ManualClock;
let changes: ChangeSignal;
let ending: AbortController;
let rests: number;
let failure: Error | undefined;
let over: Promise<void>;

beforeEach(() => {
  clock = manualClock();
  changes = createChangeSignal(1);
  ending = new AbortController();
  rests = 0;
  failure = undefined;
  const release = async (): Promise<void> => {
    rests++;
    if (failure !== undefined) throw failure;
  };
  over = restWhenQuiet({ changes, clock, log: silentLog, signal: ending.signal, release });
});

afterEach(async () => {
  ending.abort();
  await over;
});

/** Lets time pass once somebody waits for it. */
async function pass(millis: number): Promise<void> {
  await until("a timer", () => clock.waiting === 1);
  clock.advance(millis);
}

const rested = (count: number): Promise<unknown> =>
  until(`rest ${count}`, () => rests === count && clock.waiting === 0);

test("an agent rests once when it has started, and has no timer from then on", async () => {
  changes.bump();
  await pass(3_000);
  await rested(1);
  clock.advance(3_600_000);
  expect(clock.waiting).toBe(0);
  expect(rests).toBe(1);
});

test("it rests again when half a minute went by without a change, and not in the middle of many", async () => {
  await pass(3_000);
  await rested(1);
  changes.bump();
  await pass(29_000);
  changes.bump();
  clock.advance(1_000);
  await pass(30_000);
  await rested(2);
});

test("what cannot be given back costs nothing else", async () => {
  failure = new Error("EACCES");
  await pass(3_000);
  await rested(1);
  changes.bump();
  await pass(30_000);
  await rested(2);
});

test("an agent that ends waits for no rest", async () => {
  await until("a timer", () => clock.waiting === 1);
  ending.abort();
  await over;
  expect({ rests, waiting: clock.waiting }).toEqual({ rests: 0, waiting: 0 });
});
