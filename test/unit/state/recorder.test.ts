import { expect, spyOn, test } from "bun:test";
import { DatabaseSync } from "node:sqlite";
import { syncLog } from "../../../src/state/disk-sync.ts";
import { createRecorder, StoreError } from "../../../src/state/recorder.ts";
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
