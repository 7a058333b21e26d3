import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../../src/base/clock.ts";
import { examineRecords } from "../../src/doctor/records.ts";
import { examineStrangers } from "../../src/doctor/strangers.ts";
import { allocDir, allocsDir, databaseFile, machineFiles, taskDirs } from "../../src/paths.ts";
import { openStore } from "../../src/state/store.ts";
import { readBootId } from "../../src/supervisor/identity.ts";
import { agentPerTest } from "../helpers/agent-per-test.ts";
import { endedId, putEnded } from "../helpers/ended.ts";
import { evaluation } from "../helpers/records.ts";
import { until } from "../helpers/until.ts";

setDefaultTimeout(60_000);

const bed = agentPerTest(false);
const left = (): string[] => readdirSync(allocsDir(bed.dirs)).toSorted();
const listed = (): string[] => bed.agent.allocations({}).map(({ id }) => id);
const asked = { discard: false };

async function strangers(): Promise<string[]> {
  const { records } = await examineRecords(bed.dirs);
  return examineStrangers(bed.dirs, records, [])
    .filter(({ level }) => level !== "ok")
    .map(({ message }) => message);
}

/** What doctor says of allocations that cannot be removed. */
async function stuck(): Promise<string[]> {
  const { findings } = await examineRecords(bed.dirs);
  return findings.filter(({ check }) => check === "garbage").map(({ message }) => message);
}

describe("ended allocations", () => {
  test("are none where nothing ever ran", async () => {
    await bed.start();
    expect(await bed.agent.garbage.collect(asked)).toEqual({
      removed: [],
      kept: [],
      jobs: 0,
      evaluations: 0,
      troubles: [],
    });
    expect(bed.running.logLines.filter((line) => line.includes("WARN") && line.includes("removed"))).toEqual([]);
  });

  test("beyond gc_max_allocs go by themselves, the oldest end first, with all that belongs to them", async () => {
    const ids = putEnded(bed.dirs, { count: 12 });
    await bed.start({ garbage: { maxAllocs: 5 } });
    // The directory goes first, and then what was remembered of it.
    const removed = (): number => bed.running.logLines.filter((line) => line.includes("removed an ended")).length;
    await until("the rest to be gone and forgotten", () => removed() === 7);
    expect(left()).toEqual(ids.slice(7));
    expect(listed()).toEqual(ids.slice(7));
    bed.running.close();
    const store = openStore(databaseFile(bed.dirs));
    expect(ids.map((id) => store.events(id, "vm").length)).toEqual([...Array(7).fill(0), ...Array(5).fill(1)]);
    expect(store.openCollections()).toEqual([]);
    store.close();
    expect(await strangers()).toEqual([]);
  });

  test("stay as they are while nothing presses, however old they are", async () => {
    const ids = putEnded(bed.dirs, { count: 4, lastEnd: 1 });
    const store = openStore(databaseFile(bed.dirs));
    store.putEvaluation(evaluation({ id: "e1", jobId: "other", createTime: 1 }));
    store.close();
    await bed.start({ garbage: { maxAllocs: 4 } });
    // Evaluations come last, so that all was looked at by then.
    await until("a look to be over", () => bed.agent.evaluations({ jobId: "other" }).length === 0);
    expect(left()).toEqual([...ids]);
  });

  test("go when the file system is fuller than it may be, but for the last one of a job that is still there", async () => {
    const ids = putEnded(bed.dirs, { count: 4 });
    await bed.start({ garbage: { diskUsage: 0 } });
    await until("all but one to be gone", () => left().length === 1);
    expect(left()).toEqual(ids.slice(3));
  });

  test("of a job that was purged go when eval_gc_threshold is over, and so do its versions and evaluations", async () => {
    putEnded(bed.dirs, { count: 3, job: false, lastEnd: Date.now() - 3_600_000 });
    await bed.start({ garbage: { evalThresholdMillis: 1_000 } });
    await until("all to be gone", () => left().length === 0 && bed.agent.evaluations({}).length === 0);
  });

  test("that are asked for again are told as removed, with when and why", async () => {
    putEnded(bed.dirs, { count: 2 });
    await bed.start();
    const { removed, troubles } = await bed.agent.garbage.collect(asked);
    expect(troubles).toEqual([]);
    expect(removed).toMatchObject([{ allocationId: endedId(0), jobId: "web", reason: "asked" }]);
    expect(removed[0]?.bytes).toBeGreaterThan(0);
    for (const name of [endedId(0), endedId(0).slice(0, 8)]) {
      expect(() => bed.agent.allocation(name)).toThrow(
        expect.objectContaining({
          code: "not_found",
          message: `alloc not found: ${name}`,
          hint: expect.stringMatching(
            /^it was of job "web", ended 2\S+Z and was removed 2\S+Z by garbage collection \(asked\)$/,
          ),
        }),
      );
    }
    expect(() => bed.agent.allocation("ffffffff")).toThrow(expect.objectContaining({ hint: undefined }));
    // Of two that begin so nobody knows which is meant.
    await bed.agent.deregisterJob("web", { purge: true });
    await bed.agent.garbage.collect(asked);
    expect(() => bed.agent.allocation("0000")).toThrow(expect.objectContaining({ hint: undefined }));
  });
});

describe("a directory that a machine has filled", () => {
  test("is removed with whatever it planted, and nothing outside is touched", async () => {
    putEnded(bed.dirs, { count: 2 });
    const outside = bed.dir.file("outside");
    mkdirSync(outside);
    writeFileSync(join(outside, "precious"), "data");
    const { local, logs, tmp } = taskDirs(bed.dirs, endedId(0), "vm");
    symlinkSync(outside, join(local, "link"));
    symlinkSync("/", tmp);
    symlinkSync(allocDir(bed.dirs, endedId(1)), join(logs, "other"));
    writeFileSync(Buffer.concat([Buffer.from(`${local}/`), Buffer.from([0xff, 0x1b, 0x5b])]), "");
    await bed.start();
    expect((await bed.agent.garbage.collect(asked)).removed).toHaveLength(1);
    expect(left()).toEqual([endedId(1)]);
    expect(readdirSync(outside)).toEqual(["precious"]);
    expect(readdirSync(taskDirs(bed.dirs, endedId(1), "vm").local)).toHaveLength(3);
  });

  test("stays while a process names its journal that no record owns, and goes when that has ended", async () => {
    putEnded(bed.dirs, { count: 2 });
    const { journalPrefix } = machineFiles(taskDirs(bed.dirs, endedId(0), "vm"), 3);
    const stray = Bun.spawn(["/bin/sh", "-c", "read line", "paddock-machine", `pipe,path=${journalPrefix}`], {
      stdin: "pipe",
    });
    await bed.start();
    const { removed, troubles } = await bed.agent.garbage.collect(asked);
    expect(removed).toEqual([]);
    expect(troubles[0]).toContain("a process that belongs to no record runs for allocation 00000000");
    stray.kill();
    await stray.exited;
    expect((await bed.agent.garbage.collect(asked)).removed).toHaveLength(1);
  });

  test("that cannot be removed is told once, remembered, and no stranger to doctor", async () => {
    putEnded(bed.dirs, { count: 2 });
    const path = allocDir(bed.dirs, endedId(0));
    await bed.start();
    renameSync(path, `${path}.moved`);
    // Somebody made room by moving it elsewhere: what is behind the link is not the agent's to remove.
    symlinkSync(`${path}.moved`, path);
    const { removed, troubles } = await bed.agent.garbage.collect(asked);
    expect(removed).toEqual([]);
    expect(troubles[0]).toContain(`${path} cannot be removed: ${path} is no directory`);
    expect(existsSync(join(`${path}.moved`, ".whole"))).toBe(true);
    expect(listed()).toEqual([endedId(1)]);
    expect(await stuck()).toEqual([`${path} cannot be removed: ${path} is no directory`]);
    bed.running.close();
    expect(await strangers()).toEqual([expect.stringContaining(`${path}.moved belongs to no allocation`)]);
    expect(await stuck()).toHaveLength(1);
    rmSync(path);
    await bed.start();
    await until("it to be forgotten", async () => (await strangers()).length === 1);
    expect((await bed.agent.garbage.collect(asked)).troubles).toEqual([]);
    expect(await stuck()).toEqual([]);
  });
});

describe("a host that was started with a wrong clock", () => {
  test("does not make a disk seem older than it is", async () => {
    const uptime = systemClock.sinceBoot() ?? 0;
    // Ended a second after 1970, by the clock of then; that was just now.
    const mark = { bootId: readBootId(), offset: 1_000 - uptime };
    putEnded(bed.dirs, { count: 1, lastEnd: 1_000, clock: mark, disks: true, job: false });
    await bed.start({ garbage: { diskRetentionMillis: 3_600_000 } });
    const { removed, kept } = await bed.agent.garbage.collect(asked);
    expect(removed).toEqual([]);
    expect(Math.abs((kept[0]?.until ?? 0) - Date.now() - 3_600_000)).toBeLessThan(60_000);
    // Of another boot's clock nothing is known.
    bed.running.close();
    putEnded(bed.dirs, { count: 1, lastEnd: 1_000, clock: { ...mark, bootId: "another" }, disks: true, job: false });
    await bed.start({ garbage: { diskRetentionMillis: 3_600_000 } });
    await until("it to be gone", () => left().length === 0);
  });
});

test("a disk whose machine ended under a version that removed nothing is kept from the first start of one that does", async () => {
  const week = 7 * 86_400_000;
  const old = { count: 1, lastEnd: Date.now() - 4 * week, disks: true, job: false, former: true };
  putEnded(bed.dirs, old);
  const options = { garbage: { diskRetentionMillis: week, maxAllocs: 0 } };
  await bed.start(options);
  const { removed, kept } = await bed.agent.garbage.collect(asked);
  expect(removed).toEqual([]);
  expect(Math.abs((kept[0]?.until ?? 0) - Date.now() - week)).toBeLessThan(60_000);
  bed.running.close();
  putEnded(bed.dirs, { ...old, former: false });
  await bed.start(options);
  await until("it to be gone", () => left().length === 0);
});
