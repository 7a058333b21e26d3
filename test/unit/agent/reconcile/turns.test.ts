import { describe, expect, test } from "bun:test";
import { placesOf } from "../../../../src/agent/reconcile/reconcile.ts";
import { nextTurns } from "../../../../src/agent/reconcile/turns.ts";
import type { Allocation } from "../../../../src/allocation/allocation.ts";
import type { CheckStatus } from "../../../../src/allocation/check.ts";
import type { Job } from "../../../../src/job/job.ts";
import { copyOf, groupsJob } from "../../../helpers/copies.ts";
import { CRASHED, checkReport, ended, GRACEFUL, LOST, RUNNING, taskRecord } from "../../../helpers/records.ts";

const STATES = {
  runs: RUNNING,
  begins: { kind: "preparing", generation: 1, cancelled: null },
  waits: { kind: "pending" },
  "powered off": ended(GRACEFUL),
  failed: ended(CRASHED),
  lost: ended(LOST),
} as const;

/** One copy of the version of this number: `0 v1 runs`; of group a unless told. */
function copy(text: string, more: Partial<Allocation> = {}): Allocation {
  const [, index, version, state] = /^(\d+) v(\d+) (.*)$/.exec(text) ?? [];
  const machine = STATES[state as keyof typeof STATES];
  const jobVersion = Number(version);
  const tasks = { vm: taskRecord(machine) };
  return copyOf({ group: "a", index: Number(index), jobVersion, createIndex: jobVersion, tasks, ...more });
}

/** The copies of a job at version 1 whose turn it is when there is room for all, with the version of what runs there. */
function turns(allocations: readonly Allocation[], job: Job = groupsJob({ a: 3 })): string[] {
  return nextTurns({ job, version: 1, places: placesOf(job), allocations })
    .filter(({ limit = Number.POSITIVE_INFINITY }, at) => at < limit)
    .map(({ place, replaces }) => `${place.index}${replaces === undefined ? "" : ` v${replaces.jobVersion}`}`);
}

const parallel = (max_parallel: number): Job => groupsJob({ a: 3 }, { update: { max_parallel } });
const OLD = ["0 v0 runs", "1 v0 runs", "2 v0 runs"];
const copies = (...texts: string[]): Allocation[] => texts.map((text) => copy(text));

describe("the next turn of a job that changes is", () => {
  test.each<[what: string, allocations: Allocation[], expected: string[], job?: Job]>([
    ["the first of those that run", copies(...OLD), ["0 v0"]],
    ["everybody's where nothing runs", [], ["0", "1", "2"]],
    ["nobody's while the one before begins", copies("0 v0 powered off", "0 v1 begins", "1 v0 runs", "2 v0 runs"), []],
    ["nobody's while the one before waits for the end of what it replaces", copies(...OLD, "0 v1 waits"), []],
    [
      "the second's once the first one runs",
      copies("0 v0 powered off", "0 v1 runs", "1 v0 runs", "2 v0 runs"),
      ["1 v0"],
    ],
    ["nobody's when all are there", copies("0 v1 runs", "1 v1 runs", "2 v1 begins"), []],
    [
      "that of the one that failed, and no other's",
      copies("0 v0 powered off", "0 v1 failed", "1 v0 runs", "2 v0 runs"),
      ["0"],
    ],
    ["that of the one that was lost, and no other's", copies("0 v1 lost", "1 v0 runs", "2 v0 runs"), ["0"]],
    ["that of a place in which nothing runs, alone", copies("0 v0 runs", "1 v0 powered off", "2 v0 runs"), ["1"]],
    [
      "that of a place in which nothing runs, and so many others as are left",
      copies("0 v0 runs", "1 v0 powered off", "2 v0 runs"),
      ["1", "0 v0"],
      parallel(2),
    ],
    ["that of each place in which nothing runs, however many", copies("2 v0 runs"), ["0", "1"]],
    ["that of two with max_parallel = 2", copies(...OLD), ["0 v0", "1 v0"], parallel(2)],
    ["one less for each on its way", copies("0 v1 begins", "1 v0 runs", "2 v0 runs"), ["1 v0"], parallel(2)],
    ["everybody's with max_parallel = 0", copies(...OLD), ["0 v0", "1 v0", "2 v0"], parallel(0)],
    ["everybody's in a batch job", copies(...OLD), ["0 v0", "1 v0", "2 v0"], { ...groupsJob({ a: 3 }), type: "batch" }],
  ])("%s", (_what, allocations, expected, ...[job]) => {
    expect(turns(allocations, job)).toEqual(expected);
  });

  test.each<[status: CheckStatus, mode: "healthiness" | "readiness", expected: string[]]>([
    ["pending", "healthiness", []],
    ["failure", "healthiness", []],
    ["success", "healthiness", ["1 v0"]],
    ["failure", "readiness", ["1 v0"]],
  ])("with a check of the one before that is %s, of %s: %j", (status, mode, expected) => {
    const first = copy("0 v1 runs", { checks: [checkReport({ mode }, { status })] });
    expect(turns([first, ...copies("1 v0 runs", "2 v0 runs")])).toEqual(expected);
  });

  test("also another's where nothing runs in a place, for which there may be no room", () => {
    const allocations = copies("0 v0 runs", "1 v0 runs");
    const found = nextTurns({ job: parallel(1), version: 1, places: placesOf(parallel(1)), allocations });
    expect(found.map(({ place, limit }) => [place.index, limit])).toEqual([
      [2, undefined],
      [0, 1],
    ]);
  });

  test("each group's own: one that failed keeps no other group from it", () => {
    const job = groupsJob({ a: 2, b: 2 });
    const failed = [copy("0 v1 failed"), copy("1 v0 runs")];
    const other = OLD.slice(0, 2).map((text) => copy(text, { group: "b", name: "web.b" }));
    const found = nextTurns({ job, version: 1, places: placesOf(job).slice(1), allocations: [...failed, ...other] });
    expect(found.map(({ place }) => `${place.group}${place.index}`)).toEqual(["b0"]);
  });

  test("the next one's when the one before has done its work and ended", () => {
    const allocations = copies("0 v1 powered off", "1 v0 runs", "2 v0 runs");
    const places = placesOf(parallel(1)).slice(1);
    expect(nextTurns({ job: parallel(1), version: 1, places, allocations }).map(({ place }) => place.index)).toEqual([
      1,
    ]);
  });

  test("the next one's when somebody has had the one that failed made again", () => {
    const again = { ...copy("0 v1 runs"), createIndex: 5 };
    expect(turns([copy("0 v1 failed"), again, ...copies("1 v0 runs")], groupsJob({ a: 2 }))).toEqual(["1 v0"]);
  });
});
