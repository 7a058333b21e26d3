import { describe, expect, test } from "bun:test";
import { DatabaseSync } from "node:sqlite";
import type { Allocation } from "../../../src/allocation/allocation.ts";
import type { TaskEvent } from "../../../src/allocation/task-event.ts";
import { lookIntoStore } from "../../../src/state/inspect.ts";
import { MIGRATIONS } from "../../../src/state/migrations.ts";
import type { Collection, Evaluation, JobRecord } from "../../../src/state/records.ts";
import { storePerTest } from "../../helpers/store-per-test.ts";

const here = storePerTest();

const id = (digits: string): string => `${digits}-0000-4000-8000-000000000000`;
const A = id("aaaaaaaa");
const B = id("bbbbbbbb");

const allocation = (allocId: string, endedAt: number | null, more: Partial<Allocation> = {}): Allocation =>
  ({
    id: allocId,
    jobId: "web",
    jobVersion: 0,
    group: "g",
    evalId: `eval-${allocId}`,
    createIndex: 1,
    modifyTime: 7,
    tasks: {
      vm: { machine: endedAt === null ? { kind: "pending" } : { kind: "ended", ending: { at: endedAt } }, events: [] },
    },
    ...more,
  }) as unknown as Allocation;

const evaluation = (evalId: string, createTime: number, more: Partial<Evaluation> = {}): Evaluation =>
  ({
    id: evalId,
    jobId: "web",
    status: "complete",
    triggeredBy: "job-register",
    createTime,
    createIndex: 1,
    ...more,
  }) as Evaluation;

const collection = (allocationId: string, doneAt: number | null = null): Collection => ({
  allocationId,
  jobId: "web",
  reason: "asked",
  endedAt: 1,
  begunAt: 2,
  doneAt,
  bytes: 3,
});

const jobRecord = (version: number): JobRecord => ({ job: { id: "web" }, version }) as unknown as JobRecord;
const idsOf = (found: readonly { readonly id: string }[]): string[] => found.map((one) => one.id);

describe("ended allocations", () => {
  test("are found by their ends, oldest first, page by page", () => {
    for (let at = 0; at < 10; at++) here.store.putAllocation(allocation(id(`0000000${at}`), 100 - at));
    here.store.putAllocation(allocation(A, null));
    expect(here.store.countAllocations()).toBe(11);
    const first = here.store.endedAllocations(undefined, 4);
    expect(first[0]).toEqual({ id: id("00000009"), jobId: "web", endedAt: 91 });
    const rest = here.store.endedAllocations(first.at(-1), 100);
    expect(idsOf([...first, ...rest])).toEqual([9, 8, 7, 6, 5, 4, 3, 2, 1, 0].map((at) => id(`0000000${at}`)));
    expect(here.store.purgedAllocations(undefined, 100)).toHaveLength(10);
    here.store.putJob(jobRecord(0));
    expect(here.store.purgedAllocations(undefined, 100)).toEqual([]);
    expect(here.store.lastEnd("web")).toBe(100);
    expect(here.store.lastEnd("other")).toBe(0);
  });

  test("are known with their ends when a former version kept them, and what was decided is told from what waits", () => {
    here.close();
    const old = new DatabaseSync(here.dir.file("old.db"));
    for (const sql of MIGRATIONS.slice(0, 2)) old.exec(sql);
    old.exec("PRAGMA user_version = 2");
    const put = old.prepare("INSERT INTO allocations VALUES (?, 'web', 1, ?, ?)");
    put.run(A, 1, JSON.stringify(allocation(A, 41.6)));
    put.run(B, 0, JSON.stringify(allocation(B, null)));
    put.run(id("cccccccc"), 1, JSON.stringify({ id: id("cccccccc"), modifyTime: 9, tasks: {} }));
    const decide = old.prepare("INSERT INTO evaluations VALUES (?, 'web', 1, ?)");
    decide.run("e1", JSON.stringify(evaluation("e1", 5)));
    decide.run("e2", JSON.stringify(evaluation("e2", 5, { status: "blocked" })));
    decide.run(`eval-${A}`, JSON.stringify(evaluation(`eval-${A}`, 5)));
    old.close();
    // As doctor does before the new version has been started.
    expect(lookIntoStore(here.dir.file("old.db"))).toMatchObject({
      version: 2,
      removing: [],
      allocations: { length: 3 },
    });
    here.reopen(here.dir.file("old.db"));
    expect(here.store.endedAllocations(undefined, 10)).toMatchObject([
      { id: id("cccccccc"), endedAt: 9 },
      { id: A, endedAt: 42 },
    ]);
    expect(here.store.dropEvaluations(100)).toBe(1);
    expect(idsOf(here.store.evaluations({}))).toEqual(["e2", `eval-${A}`]);
  });
});

describe("an allocation that is removed", () => {
  test("is found no more from the beginning on, and remembered as removed", () => {
    here.store.putAllocation(allocation(A, 1));
    here.store.putAllocation(allocation(B, 1));
    here.store.beginCollection(collection(A));
    expect(here.store.allocation(A)).toBeUndefined();
    expect(idsOf(here.store.allocations({ jobId: "web" }))).toEqual([B]);
    here.reopen();
    expect(here.store.openCollections()).toEqual([collection(A)]);
    expect(lookIntoStore(here.file())?.removing).toEqual([collection(A)]);
    here.store.finishCollection(collection(A, 9));
    expect(here.store.openCollections()).toEqual([]);
    expect(lookIntoStore(here.file())?.removing).toEqual([]);
    for (const begun of [A, "aaaaaaaa", "a"]) expect(here.store.collections(begun)).toEqual([collection(A, 9)]);
    expect(here.store.collections("b")).toEqual([]);
  });

  test("is forgotten when ten thousand others were removed after it", () => {
    here.store.finishCollection(collection(A, 1));
    here.store.finishCollection(collection(B, 2));
    here.close();
    const database = new DatabaseSync(here.file());
    database.exec(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9998)
      INSERT INTO collections SELECT 'c' || i, 'web', 2 + i, '{}' FROM n`);
    database.close();
    here.reopen();
    here.store.finishCollection(collection(id("dddddddd"), 20_000));
    expect(here.store.collections(A)).toEqual([]);
    expect(here.store.collections(B)).toHaveLength(1);
  });

  test("takes its history along, turn by turn, and nobody else's", () => {
    const event = { type: "Started", time: 1 } as TaskEvent;
    here.store.transaction(() => {
      for (let at = 0; at < 2_500; at++) here.store.appendEvent(A, "vm", event);
    });
    here.store.appendEvent(B, "vm", event);
    let turns = 0;
    while (here.store.dropHistory(A)) turns++;
    expect(turns).toBe(2);
    expect(here.store.events(A, "vm")).toEqual([]);
    expect(here.store.events(B, "vm")).toHaveLength(1);
  });
});

test("what nobody wants to keep is remembered until it is gone", () => {
  expect([here.store.hasDiscards(), here.store.isDiscarded(A)]).toEqual([false, false]);
  here.store.discard(A);
  here.store.discard(A);
  expect([here.store.hasDiscards(), here.store.isDiscarded(A), here.store.isDiscarded(B)]).toEqual([true, true, false]);
  here.store.finishCollection(collection(A, 1));
  expect(here.store.hasDiscards()).toBe(false);
});

describe("an evaluation", () => {
  test("goes once it is old and its allocation is gone", () => {
    here.store.putAllocation(allocation(A, 1));
    here.store.putEvaluation(evaluation(`eval-${A}`, 10));
    here.store.putEvaluation(evaluation("young", 50));
    here.store.putEvaluation(evaluation("waits", 10, { status: "blocked" }));
    expect(here.store.hasForgettable(20)).toBe(false);
    expect(here.store.dropEvaluations(20)).toBe(0);
    here.store.beginCollection(collection(A));
    expect(here.store.hasForgettable(20)).toBe(true);
    expect(here.store.dropEvaluations(20)).toBe(1);
    expect(idsOf(here.store.evaluations({})).toSorted()).toEqual(["waits", "young"]);
  });

  test("that stopped a job stays as long as the job has an allocation, whose disk would move along without it", () => {
    here.store.putAllocation(allocation(A, 1));
    here.store.putEvaluation(evaluation("stop", 10, { triggeredBy: "job-deregister" }));
    expect(here.store.dropEvaluations(20)).toBe(0);
    here.store.beginCollection(collection(A));
    expect(here.store.dropEvaluations(20)).toBe(1);
  });
});

describe("versions of a job", () => {
  test("go but for the newest, and those that allocations were placed for", () => {
    for (let version = 0; version <= 10; version++) here.store.putJob(jobRecord(version));
    here.store.putAllocation(allocation(A, 1, { jobVersion: 1 }));
    here.store.dropVersions("web");
    expect(here.store.jobVersions("web").map(({ version }) => version)).toEqual([10, 9, 8, 7, 6, 5, 1]);
    expect(here.store.jobsWithoutAllocations()).toEqual([]);
  });

  test("all go when the job was purged and nothing of it is left", () => {
    here.store.putJob(jobRecord(0));
    here.store.putJob(jobRecord(1));
    expect(here.store.jobsWithoutAllocations()).toHaveLength(1);
    here.store.dropOrphanedVersions();
    expect(here.store.jobVersions("web")).toHaveLength(2);
    here.store.deleteJob("web");
    here.store.putAllocation(allocation(A, 1));
    here.store.dropOrphanedVersions();
    expect(here.store.jobVersions("web")).toHaveLength(2);
    here.store.dropVersions("web");
    expect(here.store.jobVersions("web").map(({ version }) => version)).toEqual([0]);
    here.store.beginCollection(collection(A));
    here.store.dropOrphanedVersions();
    expect(here.store.jobVersions("web")).toEqual([]);
  });
});
