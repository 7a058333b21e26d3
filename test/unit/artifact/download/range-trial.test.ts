import { beforeEach, expect, test } from "bun:test";
import type { Draft } from "../../../../src/artifact/download/draft.ts";
import type { Island } from "../../../../src/artifact/download/islands.ts";
import { createTrial, type RangeRule } from "../../../../src/artifact/download/range-trial.ts";
import type { Ranges } from "../../../../src/artifact/download/ranges.ts";

const RULE: RangeRule = {
  leastBytes: 1000,
  pieceBytes: 100,
  warmMillis: 1000,
  measureMillis: 2000,
  gain: 1.25,
  silenceMillis: 10_000,
};

let now: number;
let bytes: number;
let opened: { start: number; ahead: number }[];
let ranges: { ended: boolean; start: number };

beforeEach(() => {
  now = 0;
  bytes = 0;
  opened = [];
  ranges = { ended: false, start: 0 };
});

function trialOf(total: number, islands: readonly Island[] = []) {
  const draft = {
    get bytes() {
      return bytes;
    },
    islands,
    write(chunk: Uint8Array) {
      bytes += chunk.length;
    },
  };
  const open = (start: number, ahead: number): Ranges => {
    opened.push({ start, ahead });
    const giveUp = (): void => {
      ranges.ended = true;
    };
    return Object.assign(ranges, { start, giveUp }) as unknown as Ranges;
  };
  const trial = createTrial({ rule: RULE, total, draft: draft as unknown as Draft, open, now: () => now });
  /** The first connection brings `first` bytes a second, the others `others`. */
  const run = (seconds: number, first: number, others = 0): void => {
    for (let step = 0; step < seconds * 10; step++) {
      now += 100;
      const before = bytes;
      trial.first.write(new Uint8Array(first / 10));
      trial.count(bytes - before);
      if (others > 0 && !ranges.ended) trial.count(others / 10);
    }
  };
  return { trial, run };
}

test("further connections are tried once the first one's rate is known", () => {
  const { run } = trialOf(100_000);
  run(2.9, 100);
  expect(opened).toEqual([]);
  run(0.2, 100);
  // As far ahead as the first one comes until they are measured.
  expect(opened).toEqual([{ start: 300 + 400, ahead: 400 }]);
});

test("they have the rest of the file when they bring more, and the first one ends where they began", () => {
  const { trial, run } = trialOf(100_000);
  run(3.2, 100);
  run(3.2, 100, 100);
  expect(trial.isOver()).toBe(false);
  run(3, 100, 100);
  expect(trial.isOver()).toBe(true);
  expect(bytes).toBe(trial.ranges?.start ?? 0);
  expect(trial.isLost).toBe(false);
});

test("they are let go when they take from the first one what they bring", () => {
  const { trial, run } = trialOf(100_000);
  run(3.2, 100);
  run(3.2, 50, 55);
  expect(trial.isLost).toBe(true);
  expect(ranges.ended).toBe(true);
  run(10, 100);
  expect(trial.isOver()).toBe(false);
  expect(opened).toHaveLength(1);
});

test("a first connection that comes there before they are measured goes on alone", () => {
  const { trial, run } = trialOf(100_000);
  run(3.2, 100);
  run(0.9, 1000, 1000);
  expect(trial.isLost).toBe(true);
  expect(trial.isOver()).toBe(false);
});

test("those that gave up leave the whole file to the first one", () => {
  const { trial, run } = trialOf(100_000);
  run(3.2, 100);
  run(3.2, 100, 100);
  Object.assign(ranges, { ended: true, start: Number.POSITIVE_INFINITY });
  run(10, 100);
  expect(trial.isOver()).toBe(false);
  expect(bytes).toBe(1640);
});

test("those that ended leave the first one what is before what they brought", () => {
  const { trial, run } = trialOf(100_000);
  run(3.2, 100);
  run(3.2, 100, 100);
  ranges.ended = true;
  run(10, 100);
  expect(trial.isOver()).toBe(true);
  expect(bytes).toBe(ranges.start);
});

test("what an earlier try left behind a gap is gone on with at once", () => {
  const { trial, run } = trialOf(100_000, [{ start: 250, end: 400 }]);
  expect(opened).toEqual([{ start: 250, ahead: 250 }]);
  run(2, 100);
  expect(trial.isOver()).toBe(false);
  run(1, 100);
  expect(trial.isOver()).toBe(true);
  expect(bytes).toBe(250);
});

test.each([
  ["little is left", 1600, 100],
  ["the line is full", 10e9, 120e6],
])("nobody is asked when %s", (_, total, rate) => {
  const { run } = trialOf(total);
  run(5, rate);
  expect(opened).toEqual([]);
});
