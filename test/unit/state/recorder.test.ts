import { expect, spyOn, test } from "bun:test";
import { DatabaseSync } from "node:sqlite";
import { syncLog } from "../../../src/state/disk-sync.ts";
import { createRecorder, StoreError } from "../../../src/state/recorder.ts";
import { allocation, evaluation, jobRecord, NODE } from "../../helpers/records.ts";
import { storePerTest } from "../../helpers/store-per-test.ts";

const here = storePerTest();

/** A recorder, and what brought its changes to the disk. */
function watched(sync = here.store.sync) {
  const brought: string[] = [];
  const recorder = createRecorder({
    ...here.store,
    transaction: (work, all = true) => {
      if (all) brought.push("write");
      return here.store.transaction(work, all);
    },
    setFact: (name, value) => {
      brought.push("fact");
      here.store.setFact(name, value);
    },
    sync: () => {
      brought.push("sync");
      return sync();
    },
  });
  /** Each change writes its number in its transaction. */
  const ofChanges = () => brought.splice(0).filter((what, at, all) => what !== "fact" || all[at - 1] !== "write");
  return { recorder, ofChanges };
}

const soon = ({ recorder }: ReturnType<typeof watched>): number => recorder.recordSoon((index) => index);

test("a change that is recorded soon is on disk with the next change, and whoever waits for it does not bring it there again", async () => {
  const bed = watched();
  const first = soon(bed);
  const durable = bed.recorder.durable();
  expect(bed.recorder.record((index) => index)).toBe(first + 1);
  bed.ofChanges();
  await durable;
  await bed.recorder.sync();
  expect(bed.ofChanges()).toEqual([]);
});

test("a change that is recorded soon is brought to the disk once for all who wait when nothing else brings it there", async () => {
  const bed = watched();
  soon(bed);
  bed.ofChanges();
  await Promise.all([bed.recorder.sync(), bed.recorder.sync(), bed.recorder.durable()]);
  await bed.recorder.durable();
  expect(bed.ofChanges()).toEqual(["sync"]);
});

test("a change that comes while another is brought to the disk is brought there when that is done, too", async () => {
  const bed = watched();
  soon(bed);
  const first = bed.recorder.sync();
  soon(bed);
  await first;
  bed.ofChanges();
  await bed.recorder.sync();
  expect(bed.ofChanges()).toEqual(["sync"]);
});

test("a change that comes while another is brought to the disk is brought there, too", async () => {
  const bed = watched();
  soon(bed);
  const first = bed.recorder.sync();
  soon(bed);
  bed.ofChanges();
  await Promise.all([first, bed.recorder.sync()]);
  await bed.recorder.sync();
  expect(bed.ofChanges()).toEqual(["sync"]);
});

test("a store without a log of its own is brought to the disk by a write", async () => {
  const bed = watched(() => syncLog(here.dir.file("none")));
  soon(bed);
  bed.ofChanges();
  await bed.recorder.sync();
  await bed.recorder.sync();
  expect(bed.ofChanges()).toEqual(["sync", "fact"]);
});

test("what cannot be brought to the disk is told to who waits, and tried again for the next one", async () => {
  let broken = true;
  const bed = watched(async () => {
    if (broken) throw Object.assign(new Error("input/output error"), { code: "EIO" });
  });
  soon(bed);
  expect(await bed.recorder.durable().catch((error: unknown) => error)).toBeInstanceOf(StoreError);
  broken = false;
  bed.ofChanges();
  await bed.recorder.sync();
  expect(bed.ofChanges()).toEqual(["sync"]);
});

test("a transaction that is not synced leaves those behind it as durable as they were, also when it fails", () => {
  const said = spyOn(DatabaseSync.prototype, "exec");
  try {
    here.store.transaction(() => here.store.setFact("a", "1"), false);
    const refuse = (): void => {
      throw new Error("no");
    };
    expect(() => here.store.transaction(refuse, false)).toThrow("no");
    here.store.transaction(() => here.store.setFact("a", "2"));
    const [begin, commit] = ["BEGIN IMMEDIATE", "COMMIT"];
    const [less, full] = ["NORMAL", "FULL"].map((level) => `PRAGMA synchronous = ${level}`);
    expect(said.mock.calls.flat()).toEqual([
      ...[less, begin, commit, full],
      ...[less, begin, "ROLLBACK", full],
      ...[begin, commit],
    ] as string[]);
  } finally {
    said.mockRestore();
  }
  expect(here.store.fact("a")).toBe("2");
});

const COPY = { allocationId: "a1", jobId: "web" };

test("what a change wrote is told once it is kept, under its index; of a change that failed nothing is", () => {
  const recorder = createRecorder(here.store);
  const cursor = recorder.feed.open(0);
  const first = allocation({ id: COPY.allocationId });
  const second = { ...first, desired: "stop" as const };
  const record = jobRecord({ submission: { source: "job file", format: "hcl2" } });
  here.store.liveAllocations();
  const told = recorder.record((index) => {
    here.store.putJob(record);
    here.store.putAllocation(first);
    here.store.putEvaluation(evaluation());
    return index;
  });
  expect(() =>
    recorder.record(() => {
      here.store.putAllocation(second);
      throw new Error("a fault");
    }),
  ).toThrow("a fault");
  recorder.record(() => here.store.setFact("name", "value"));
  here.store.liveAllocations();
  recorder.record(() => {
    here.store.putAllocation(second);
    here.store.deleteJob(COPY.jobId);
    here.store.deleteJob("nobody's");
  });
  const known = { ...record, submission: null };
  expect([cursor.take(), cursor.take(), cursor.take()]).toEqual([
    {
      index: told,
      entries: [
        { kind: "job", record: known, purged: false },
        { kind: "allocation", allocation: first, before: undefined },
        { kind: "evaluation", evaluation: evaluation() },
      ],
    },
    {
      index: told + 2,
      entries: [
        { kind: "allocation", allocation: second, before: first },
        { kind: "job", record: known, purged: true },
      ],
    },
    undefined,
  ]);
});

test("what is announced has an index of its own and is not written", async () => {
  const recorder = createRecorder(here.store);
  const before = recorder.changes.index;
  const cursor = recorder.feed.open(0);
  recorder.announce({ kind: "node", node: NODE });
  expect(cursor.take()).toEqual({ index: before + 1, entries: [{ kind: "node", node: NODE }] });
  expect(recorder.changes.index).toBe(before + 1);
  expect(here.store.fact("index")).toBeUndefined();
});
