import { expect, test } from "bun:test";
import type { Allocation, TaskRecord } from "../../../src/allocation/allocation.ts";
import type { Ending } from "../../../src/allocation/ending.ts";
import type { MachineState } from "../../../src/allocation/machine.ts";
import { shiftTimes } from "../../../src/allocation/shift.ts";

const DAY = 86_400_000;
const T = Date.UTC(2026, 0, 1);

const ending: Ending = {
  reason: "killed",
  failed: true,
  exitCode: 137,
  signal: 9,
  at: T + 5,
  message: "killed",
  hint: null,
  stop: null,
};
const order = { cause: "job stopped", requestedAt: T + 6, graceful: true, shutdownDelay: 7, killTimeout: 8 } as const;
const live = {
  generation: 1,
  identity: { bootId: "boot", pid: 42, startTime: 1000 },
  startedAt: T + 1,
  guest: "io-error",
  standstill: { device: "image0", status: "nospace", since: T + 2, held: false, told: true },
  standstillTold: T + 2,
  shutdown: { reason: "guest-shutdown", at: T + 3 },
  adopted: false,
} as const;

const machines: readonly MachineState[] = [
  { kind: "pending" },
  { kind: "preparing", generation: 1, cancelled: order },
  { kind: "preparing", generation: 1, cancelled: null },
  { kind: "starting", generation: 1, since: T + 9, stop: order },
  { kind: "running", ...live },
  { kind: "stopping", ...live, order, tries: [{ rung: "powerdown", at: T + 10, answer: null }] },
  { kind: "backoff", generation: 1, ending, until: T + 11 },
];

function allocationOf(machine: MachineState): Allocation {
  const window = { startedAt: T + 12, count: 1 };
  const task: TaskRecord = {
    ...{ machine, events: [], restarts: 1, window, fetched: true, lastRestart: 0, startedAt: T + 1, finishedAt: 0 },
    firstStart: T - 1,
  };
  const numbers = { index: 0, jobVersion: 0, createTime: 1, modifyTime: 1, createIndex: 1, modifyIndex: 1 };
  const names = { id: "id", name: "j.g[0]", jobId: "j", group: "g", evalId: "e", nodeId: "n" };
  return { ...numbers, ...names, desired: "run", desiredDescription: "", ports: [], tasks: { vm: task } };
}

/** Every number in a value that is a time of these tests, and nothing else. */
const timesIn = (value: unknown): number[] =>
  (JSON.stringify(value).match(/-?\d{10,}/g) ?? []).map(Number).sort((a, b) => a - b);

test.each(machines.map((machine) => [machine.kind, machine] as const))(
  "every time that a machine which is %s is judged by moves along with the clock, both ways",
  (_, machine) => {
    const before = allocationOf(machine);
    for (const by of [DAY, -DAY]) {
      const after = shiftTimes(before, by);
      expect(timesIn(after)).toEqual(timesIn(before).map((time) => time + by));
      expect(shiftTimes(after, -by)).toEqual(before);
    }
  },
);

test("an end that was told stays as it was told", () => {
  const machine: MachineState = { kind: "ended", generation: 1, ending, failed: true };
  const { vm } = shiftTimes(allocationOf(machine), DAY).tasks;
  expect(vm).toMatchObject({ machine, startedAt: T + 1 });
});
