import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { DatabaseSync } from "node:sqlite";
import type { Allocation } from "../../../src/allocation/allocation.ts";
import type { TaskEvent } from "../../../src/allocation/task-event.ts";
import { lookIntoStore } from "../../../src/state/inspect.ts";
import { MIGRATIONS } from "../../../src/state/migrations.ts";
import type { Collection, Evaluation, JobRecord } from "../../../src/state/records.ts";
import { openStore, type Store } from "../../../src/state/store.ts";
import { tempPerTest } from "../../helpers/temp-per-test.ts";

const dir = tempPerTest();
let store: Store;
const file = () => dir.file("paddock.db");

beforeEach(() => {
  store = openStore(file());
});
afterEach(async () => {
  store.close();
});

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
    for (let at = 0; at < 10; at++) store.putAllocation(allocation(id(`0000000${at}`), 100 - at));
    store.putAllocation(allocation(A, null));
    expect(store.countAllocations()).toBe(11);
    const first = store.endedAllocations(undefined, 4);
    expect(first[0]).toEqual({ id: id("00000009"), jobId: "web", endedAt: 91 });
    const rest = store.endedAllocations(first.at(-1), 100);
    expect(idsOf([...first, ...rest])).toEqual([9, 8, 7, 6, 5, 4, 3, 2, 1, 0].map((at) => id(`0000000${at}`)));
    expect(store.purgedAllocations(undefined, 100)).toHaveLength(10);
    store.putJob(jobRecord(0));
    expect(store.purgedAllocations(undefined, 100)).toEqual([]);
    expect(store.lastEnd("web")).toBe(100);
    expect(store.lastEnd("other")).toBe(0);
  });

  test("are known with their ends when a former version kept them, and what was decided is told from what waits", () => {
    store.close();
    const old = new DatabaseSync(dir.file("old.db"));
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
    expect(lookIntoStore(dir.file("old.db"))).toMatchObject({ version: 2, removing: [], allocations: { length: 3 } });
    store = openStore(dir.file("old.db"));
    expect(store.endedAllocations(undefined, 10)).toMatchObject([
      { id: id("cccccccc"), endedAt: 9 },
      { id: A, endedAt: 42 },
    ]);
    expect(store.dropEvaluations(100)).toBe(1);
    expect(idsOf(store.evaluations({}))).toEqual(["e2", `eval-${A}`]);
  });
});

describe("an allocation that is removed", () => {
  test("is found no more from the beginning on, and remembered as removed", () => {
    store.putAllocation(allocation(A, 1));
    store.putAllocation(allocation(B, 1));
    store.beginCollection(collection(A));
    expect(store.allocation(A)).toBeUndefined();
    expect(idsOf(store.allocations({ jobId: "web" }))).toEqual([B]);
    store.close();
    store = openStore(file());
    expect(store.openCollections()).toEqual([collection(A)]);
    expect(lookIntoStore(file())?.removing).toEqual([collection(A)]);
    store.finishCollection(collection(A, 9));
    expect(store.openCollections()).toEqual([]);
    expect(lookIntoStore(file())?.removing).toEqual([]);
    for (const begun of [A, "aaaaaaaa", "a"]) expect(store.collections(begun)).toEqual([collection(A, 9)]);
    expect(store.collections("b")).toEqual([]);
  });

  test("is forgotten when ten thousand others were removed after it", () => {
    store.finishCollection(collection(A, 1));
    store.finishCollection(collection(B, 2));
    store.close();
    const database = new DatabaseSync(file());
    database.exec(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9998)
      INSERT INTO collections SELECT 'c' || i, 'web', 2 + i, '{}' FROM n`);
    database.close();
    store = openStore(file());
    store.finishCollection(collection(id("dddddddd"), 20_000));
    expect(store.collections(A)).toEqual([]);
    expect(store.collections(B)).toHaveLength(1);
  });

  test("takes its history along, turn by turn, and nobody else's", () => {
    const event = { type: "Started", time: 1 } as TaskEvent;
    store.transaction(() => {
      for (let at = 0; at < 2_500; at++) store.appendEvent(A, "vm", event);
    });
    store.appendEvent(B, "vm", event);
    let turns = 0;
    while (store.dropHistory(A)) turns++;
    expect(turns).toBe(2);
    expect(store.events(A, "vm")).toEqual([]);
    expect(store.events(B, "vm")).toHaveLength(1);
  });
});

test("what nobody wants to keep is remembered until it is gone", () => {
  expect([store.hasDiscards(), store.isDiscarded(A)]).toEqual([false, false]);
  store.discard(A);
  store.discard(A);
  expect([store.hasDiscards(), store.isDiscarded(A), store.isDiscarded(B)]).toEqual([true, true, false]);
  store.finishCollection(collection(A, 1));
  expect(store.hasDiscards()).toBe(false);
});

describe("an evaluation", () => {
  test("goes once it is old and its allocation is gone", () => {
    store.putAllocation(allocation(A, 1));
    store.putEvaluation(evaluation(`eval-${A}`, 10));
    store.putEvaluation(evaluation("young", 50));
    store.putEvaluation(evaluation("waits", 10, { status: "blocked" }));
    expect(store.hasForgettable(20)).toBe(false);
    expect(store.dropEvaluations(20)).toBe(0);
    store.beginCollection(collection(A));
    expect(store.hasForgettable(20)).toBe(true);
    expect(store.dropEvaluations(20)).toBe(1);
    expect(idsOf(store.evaluations({})).toSorted()).toEqual(["waits", "young"]);
  });

  test("that stopped a job stays as long as the job has an allocation, whose disk would move along without it", () => {
    store.putAllocation(allocation(A, 1));
    store.putEvaluation(evaluation("stop", 10, { triggeredBy: "job-deregister" }));
    expect(store.dropEvaluations(20)).toBe(0);
    store.beginCollection(collection(A));
    expect(store.dropEvaluations(20)).toBe(1);
  });
});

describe("versions of a job", () => {
  test("go but for the newest, and those that allocations were placed for", () => {
    for (let version = 0; version <= 10; version++) store.putJob(jobRecord(version));
    store.putAllocation(allocation(A, 1, { jobVersion: 1 }));
    store.dropVersions("web");
    expect(store.jobVersions("web").map(({ version }) => version)).toEqual([10, 9, 8, 7, 6, 5, 1]);
    expect(store.jobsWithoutAllocations()).toEqual([]);
  });

  test("all go when the job was purged and nothing of it is left", () => {
    store.putJob(jobRecord(0));
    store.putJob(jobRecord(1));
    expect(store.jobsWithoutAllocations()).toHaveLength(1);
    store.dropOrphanedVersions();
    expect(store.jobVersions("web")).toHaveLength(2);
    store.deleteJob("web");
    store.putAllocation(allocation(A, 1));
    store.dropOrphanedVersions();
    expect(store.jobVersions("web")).toHaveLength(2);
    store.dropVersions("web");
    expect(store.jobVersions("web").map(({ version }) => version)).toEqual([0]);
    store.beginCollection(collection(A));
    store.dropOrphanedVersions();
    expect(store.jobVersions("web")).toEqual([]);
  });
});
