import { describe, expect, test } from "bun:test";
import { closeSync, mkdirSync, openSync, readdirSync, readlinkSync, rmSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Allocation } from "../../../src/allocation/allocation.ts";
import type { PostMortem } from "../../../src/allocation/post-mortem.ts";
import type { LaunchPlan } from "../../../src/qemu/launch.ts";
import { takeLock } from "../../../src/state/database.ts";
import { MIGRATIONS } from "../../../src/state/migrations.ts";
import { createRecorder, StoreError } from "../../../src/state/recorder.ts";
import type { JobRecord } from "../../../src/state/records.ts";
import { openStore } from "../../../src/state/store.ts";
import { storePerTest } from "../../helpers/store-per-test.ts";
import { until } from "../../helpers/until.ts";

const here = storePerTest();

const jobRecord = (id: string, version = 0) => ({ job: { id }, version, stop: false }) as unknown as JobRecord;
const allocation = (id: string, jobId: string, createIndex: number, ended = false) =>
  ({
    id,
    jobId,
    createIndex,
    tasks: { vm: { machine: ended ? { kind: "ended", ending: {} } : { kind: "pending" }, events: [] } },
  }) as unknown as Allocation;

describe("the store", () => {
  test("keeps everything over a restart", () => {
    here.store.putJob(jobRecord("web"));
    here.store.putAllocation(allocation("a1", "web", 5));
    here.store.setFact("node_id", "n");
    here.reopen();
    expect(here.store.job("web")?.version).toBe(0);
    expect(here.store.allocation("a1")?.jobId).toBe("web");
    expect(here.store.fact("node_id")).toBe("n");
  });

  test("finds jobs by a prefix that holds the wild cards of SQL", () => {
    for (const id of ["a%b", "a_b", "axb", "b"]) here.store.putJob(jobRecord(id));
    expect(here.store.jobs("a%").map(({ job }) => job.id)).toEqual(["a%b"]);
    expect(here.store.jobs("a").map(({ job }) => job.id)).toEqual(["a%b", "a_b", "axb"]);
  });

  test("keeps a job's versions when the job is purged, for the allocations that ran them", () => {
    here.store.putJob(jobRecord("web", 0));
    here.store.putJob(jobRecord("web", 1));
    here.store.deleteJob("web");
    expect(here.store.job("web")).toBeUndefined();
    expect(here.store.jobVersions("web").map(({ version }) => version)).toEqual([1, 0]);
  });

  test("lists what has not ended", () => {
    here.store.putAllocation(allocation("a1", "web", 2));
    here.store.putAllocation(allocation("a2", "web", 1));
    here.store.putAllocation(allocation("a3", "web", 3, true));
    expect(here.store.liveAllocations().map(({ id }) => id)).toEqual(["a2", "a1"]);
    here.store.putAllocation(allocation("a2", "web", 1, true));
    expect(here.store.liveAllocations().map(({ id }) => id)).toEqual(["a1"]);
    expect(here.store.allocations({ jobId: "web", prefix: "a" })).toHaveLength(3);
  });

  test("lists ids as it lists allocations, the oldest first, and tells of each that is written", () => {
    const written: string[] = [];
    here.store.whenWritten((id) => written.push(id));
    here.store.putAllocation(allocation("a1", "web", 2));
    here.store.putAllocation(allocation("b2", "web", 1));
    here.store.putAllocation(allocation("a3", "db", 2, true));
    here.store.putAllocation(allocation("a3", "db", 2, true));
    expect(written).toEqual(["a1", "b2", "a3", "a3"]);
    for (const filter of [{}, { jobId: "web" }, { prefix: "a" }, { jobId: "web", prefix: "a" }, { jobId: "no" }]) {
      expect(here.store.allocationIds(filter)).toEqual(here.store.allocations(filter).map(({ id }) => id));
    }
    expect(here.store.allocationIds({})).toEqual(["b2", "a1", "a3"]);
  });

  test("undoes all of a transaction that fails", () => {
    expect(() =>
      here.store.transaction(() => {
        here.store.putJob(jobRecord("web"));
        throw new Error("no");
      }),
    ).toThrow("no");
    expect(here.store.job("web")).toBeUndefined();
    here.store.putJob(jobRecord("after"));
    expect(here.store.job("after")).toBeDefined();
  });

  test("refuses a store of a newer version and says what to do", () => {
    here.close();
    const raw = new DatabaseSync(here.file());
    raw.exec("PRAGMA user_version = 99");
    raw.close();
    expect(() => openStore(here.file())).toThrow("has schema version 99");
    const back = new DatabaseSync(here.file());
    back.exec(`PRAGMA user_version = ${MIGRATIONS.length}`);
    back.close();
    here.reopen();
  });

  test("says what is wrong with a file that is no database", async () => {
    await Bun.write(here.dir.file("junk.db"), "x".repeat(4096));
    expect(() => openStore(here.dir.file("junk.db"))).toThrow("cannot open the store");
  });
});

test("what an agent remembers can be read by its user alone", () => {
  here.store.putJob(jobRecord("web"));
  takeLock(here.dir.file("agent.lock"))?.release();
  const modes = readdirSync(here.dir.path).map((name) => [
    name,
    (statSync(here.dir.file(name)).mode & 0o777).toString(8),
  ]);
  expect(modes).toContainEqual(["paddock.db", "600"]);
  expect(modes).toContainEqual(["paddock.db-wal", "600"]);
  expect(modes.filter(([, mode]) => mode !== "600")).toEqual([]);
});

test("a store whose pages are damaged is told as such, with its path", () => {
  for (let count = 0; count < 100; count++) here.store.putAllocation(allocation(`a${count}`, "x".repeat(500), count));
  here.close();
  const path = here.file();
  const fd = openSync(path, "r+");
  for (let at = 4096; at < statSync(path).size; at += 4096) writeSync(fd, "junk".repeat(20), at);
  closeSync(fd);
  expect(() => {
    here.reopen(path);
    here.store.liveAllocations();
  }).toThrow(`cannot use the store ${path}: `);
});

describe("ends of a machine", () => {
  const end = (generation: number) => ({ generation, ending: { reason: "killed" } }) as unknown as PostMortem;
  const plan = (word: string) => ({ argv: [{ word }] }) as unknown as LaunchPlan;

  test("are kept newest first, the last ten of each task, with the plans of their starts", () => {
    for (let generation = 1; generation <= 12; generation++) {
      here.store.putLaunch("a1", "vm", generation, plan(String(generation)));
      here.store.putPostMortem("a1", "vm", end(generation));
    }
    here.store.putPostMortem("a1", "other", end(1));
    const kept = here.store.postMortems("a1", "vm").map(({ generation }) => generation);
    expect(kept).toEqual([12, 11, 10, 9, 8, 7, 6, 5, 4, 3]);
    expect(kept.map((generation) => here.store.launch("a1", "vm", generation)?.argv[0]?.word)).toEqual(
      kept.map(String),
    );
    expect(here.store.launch("a1", "vm", 1)).toBeUndefined();
    expect(here.store.postMortems("a1", "other")).toHaveLength(1);
    expect(here.store.postMortems("a2", "vm")).toEqual([]);
  });

  test("have the newest of the history between two times", () => {
    const event = (time: number) => ({ type: "Driver", time, message: "", details: {}, failsTask: false }) as const;
    for (const time of [1, 2, 3, 4, 5]) here.store.appendEvent("a1", "vm", event(time));
    const times = (from: number, to: number, limit: number) =>
      here.store.eventsBetween("a1", "vm", { from, to, limit }).map(({ time }) => time);
    expect(times(2, 4, 9)).toEqual([2, 3, 4]);
    expect(times(0, 9, 2)).toEqual([4, 5]);
  });

  test("are learned of by a store of the first version", () => {
    here.close();
    rmSync(here.file());
    const old = new DatabaseSync(here.file());
    old.exec(`${MIGRATIONS[0]}; PRAGMA user_version = 1`);
    old.close();
    here.reopen();
    here.store.putPostMortem("a1", "vm", end(1));
    expect(here.store.postMortems("a1", "vm")).toHaveLength(1);
  });
});

describe("recording", () => {
  test("numbers changes on over a restart and wakes who waits", async () => {
    const recorder = createRecorder(here.store);
    const waiting = recorder.changes.waitAbove(recorder.changes.index, new AbortController().signal);
    const first = recorder.record((index) => {
      here.store.putAllocation(allocation("a1", "web", index));
      return index;
    });
    expect(await waiting).toBe(first);
    here.reopen();
    expect(createRecorder(here.store).record((index) => index)).toBe(first + 1);
  });

  test("does not count a change that failed", () => {
    const recorder = createRecorder(here.store);
    const before = recorder.changes.index;
    expect(() =>
      recorder.record(() => {
        throw new Error("disk full");
      }),
    ).toThrow("disk full");
    expect(recorder.changes.index).toBe(before);
  });
});

test("a change that SQLite cannot write is told as the store's failure, with what to look at", () => {
  const full = Object.assign(new Error("database or disk is full"), { code: "ERR_SQLITE_ERROR" });
  const recorder = createRecorder({
    ...here.store,
    transaction: () => {
      throw full;
    },
  });
  expect(() => recorder.record(() => undefined)).toThrow(StoreError);
  expect(() => recorder.record(() => undefined)).toThrow("the store cannot be written: database or disk is full");
});

describe("the lock of a data directory", () => {
  test("is not taken for something that is no lock of ours", async () => {
    mkdirSync(here.dir.file("directory"));
    expect(() => takeLock(here.dir.file("directory"))).toThrow(
      `cannot lock ${here.dir.file("directory")}: not a regular file`,
    );
    await Bun.write(here.dir.file("junk"), "x".repeat(4096));
    expect(() => takeLock(here.dir.file("junk"))).toThrow(`cannot lock ${here.dir.file("junk")}: `);
    expect(() => takeLock(here.dir.file("none", "lock"))).toThrow("cannot lock ");
  });

  const database = join(import.meta.dir, "../../../src/state/database.ts");

  /** A process that takes the lock, says what came of it and keeps it until it is killed. */
  function taker(path: string, timeout: number) {
    const script = `const { takeLock } = await import(${JSON.stringify(database)}); globalThis.lock = takeLock(${JSON.stringify(path)}, ${timeout}); console.log(globalThis.lock ? "held" : "busy"); setInterval(() => {}, 1000);`;
    const child = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe" });
    const said = child.stdout
      .getReader()
      .read()
      .then(({ value }) => new TextDecoder().decode(value).trim());
    return Object.assign(child, { said });
  }

  test("is held by one process and free once it is dead", async () => {
    const path = here.dir.file("agent.lock");
    await using holder = taker(path, 0);
    expect(await holder.said).toBe("held");
    expect(takeLock(path, 0)).toBeNull();
    holder.kill("SIGKILL");
    await holder.exited;
    const lock = takeLock(path, 0);
    expect(lock).not.toBeNull();
    lock?.release();
  });

  test("is waited for while a process that was killed still has it", async () => {
    const path = here.dir.file("agent.lock");
    await using holder = taker(path, 0);
    expect(await holder.said).toBe("held");
    await using next = taker(path, 60_000);
    let said = "";
    void next.said.then((word) => {
      said = word;
    });
    const isTrying = (): boolean =>
      readdirSync(`/proc/${next.pid}/fd`).some((fd) => linkText(`/proc/${next.pid}/fd/${fd}`) === path);
    await until("the next one to try", () => said !== "" || isTrying());
    holder.kill("SIGKILL");
    expect(await next.said).toBe("held");
  });
});

function linkText(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return ""; // closed while we looked
  }
}
