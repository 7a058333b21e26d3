import { expect, test } from "bun:test";
import { type Change, changeOf, groupsMade, isNothing } from "../../../../src/agent/reconcile/change.ts";
import type { Allocation } from "../../../../src/allocation/allocation.ts";
import type { Job } from "../../../../src/job/job.ts";
import type { JobRecord } from "../../../../src/state/records.ts";
import { copyOf, groupsJob } from "../../../helpers/copies.ts";
import { CRASHED, ended, GRACEFUL, jobRecord, NODE, taskRecord } from "../../../helpers/records.ts";

/** What a job means for allocations, of which those that are over are in the store alone. */
function change(
  job: Job,
  previous: JobRecord | undefined,
  live: readonly Allocation[],
  over: Allocation[] = [],
): Change {
  const store = {
    job: () => previous,
    jobVersion: () => previous,
    liveAllocations: () => live,
    allocations: () => [...live, ...over],
    evaluations: () => [],
    lastLaunch: () => undefined,
  };
  const dirs = { dataDir: "/data", runDir: "/run" };
  return changeOf({ node: () => NODE, dirs, store: store as never }, job);
}

const ids = (allocations: readonly Allocation[]): string[] => allocations.map(({ id }) => id);
const ONE = groupsJob({ a: 1 });
const A0 = copyOf({ group: "a", index: 0 });
const ENDED = { tasks: { vm: taskRecord(ended(GRACEFUL)) } };

test("a job that is what runs is left alone, unless its only machine has ended or was told to", () => {
  const record = jobRecord({ job: ONE });
  expect(isNothing(change(ONE, record, [A0]))).toBe(true);
  for (const live of [[], [{ ...A0, desired: "stop" as const }]]) {
    const found = change(ONE, record, live);
    expect([isNothing(found), found.created]).toEqual([false, [{ group: "a", index: 0 }]]);
    expect(ids(found.before)).toEqual(ids(live));
  }
  const stopped = change(ONE, jobRecord({ job: ONE, stop: true }), [A0]);
  expect([stopped.unchanged, isNothing(stopped), ids(stopped.kept)]).toEqual([false, false, ["a0-1"]]);
});

test("a job whose copies are on their way is what was asked for, and one that is lost meanwhile is not", () => {
  const job = groupsJob({ a: 3 });
  const rollout = { evalId: "e", places: [{ group: "a", index: 1 }] };
  const [first, third] = [A0, copyOf({ group: "a", index: 2 })];
  const record = jobRecord({ job, rollout });
  expect(isNothing(change(job, record, [first, third]))).toBe(true);
  expect(isNothing(change(job, record, [first]))).toBe(false);
  // Whoever asks again has it tried again.
  const waiting = { evalId: "b", groups: ["a"] };
  expect(isNothing(change(job, { ...record, waiting }, [first, third]))).toBe(false);
});

test("machines are made in the groups that lack some, and nothing is needed for the others", () => {
  const two = groupsJob({ a: 1, b: 1 });
  const both = [A0, copyOf({ group: "b", index: 0 })];
  const record = jobRecord({ job: { ...two, priority: 1 } });
  const inPlace = change(two, record, both);
  expect([ids(inPlace.kept), inPlace.created, inPlace.stopped, inPlace.before]).toEqual([["a0-1", "b0-1"], [], [], []]);
  const more = change(two, record, [A0]);
  expect(groupsMade(two, more).groups.map(({ name }) => name)).toEqual(["b"]);
  const fewer = change(ONE, record, both);
  expect([ids(fewer.kept), ids(fewer.stopped), ids(fewer.before)]).toEqual([["a0-1"], ["b0-1"], ["b0-1"]]);
});

test("a disk is looked for in the same place, also where the job had none for a while", () => {
  const over = [copyOf({ group: "a", index: 1, ...ENDED }), copyOf({ group: "b", index: 0, ...ENDED })];
  const found = change(groupsJob({ a: 2 }), jobRecord({ job: ONE }), [A0], over);
  expect(ids(found.before)).toEqual(["a1-1"]);
});

test("the disk of a machine that had ended is at stake where its job asks for none there any more", () => {
  const over = [copyOf({ group: "a", index: 1, ...ENDED })];
  const found = change(ONE, jobRecord({ job: groupsJob({ a: 2 }) }), [A0], over);
  expect([found.created, found.stopped, ids(found.before)]).toEqual([[], [], ["a1-1"]]);
});

test("of a batch job nothing that was done is done again while some still runs", () => {
  const job: Job = { ...groupsJob({ a: 3 }), type: "batch" };
  const done = copyOf({ group: "a", index: 1, ...ENDED });
  const failed = copyOf({ group: "a", index: 2, tasks: { vm: taskRecord(ended(CRASHED)) } });
  const made = (live: readonly Allocation[], next = job): number[] =>
    change(next, jobRecord({ job }), live, [done, failed]).created.map(({ index }) => index);
  expect(made([A0])).toEqual([2]);
  expect(made([])).toEqual([0, 1, 2]);
  expect(made([A0], { ...job, priority: 1 })).toEqual([1, 2]);
});
