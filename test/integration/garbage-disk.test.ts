import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { appendFileSync, existsSync, mkdirSync, readdirSync, renameSync, utimesSync } from "node:fs";
import { utcTime } from "../../src/base/units.ts";
import { allocsDir, diskFiles, taskDirs } from "../../src/paths.ts";
import { agentPerTest } from "../helpers/agent-per-test.ts";
import { DEMO_DISK_SHA256, demoDisk } from "../helpers/demo-disk.ts";
import { consoleOf, demoJob, idOf, machineOf } from "../helpers/in-process-agent.ts";
import { type Origin, startOrigin } from "../helpers/origin.ts";
import { until } from "../helpers/until.ts";

setDefaultTimeout(60_000);

const bed = agentPerTest();
let origin: Origin;
beforeEach(async () => {
  origin = await startOrigin({ "/demo.img": { kind: "bytes", body: demoDisk() } });
});
afterEach(() => origin[Symbol.asyncDispose]());

/** gc_disk_retention unless told, in milliseconds. */
const WEEK = 168 * 3_600_000;

const artifact = (): string =>
  `artifact {\n source = "${origin.url("/demo.img")}"\n options {\n checksum = "sha256:${DEMO_DISK_SHA256}"\n }\n }`;
const fetched = ({ config = "", task = "", group = "" }: { config?: string; task?: string; group?: string } = {}) =>
  bed.agent.registerJob(demoJob("local/demo.img", { config, task: `${artifact()}\n${task}`, group }), null, {});
const booted = (count: number): Promise<unknown> =>
  until(`boot ${count}`, async () => (await consoleOf(bed.agent)).includes(`boot=${count}`));
const left = (): string[] => readdirSync(allocsDir(bed.dirs)).toSorted();
const collect = (discard = false) => bed.agent.garbage.collect({ discard });

async function stop(purge = false): Promise<void> {
  await bed.agent.deregisterJob("demo", { purge, force: "SIGKILL" });
  await until("it to end", () => bed.agent.allocations({}).every(({ tasks }) => tasks["vm"]?.machine.kind === "ended"));
}

describe("a disk that a guest has written to", () => {
  test("stays when its job is purged, is told, and goes when somebody discards it; the cache's file is free then", async () => {
    await fetched();
    await booted(1);
    const id = idOf(bed.agent);
    const { overlay } = diskFiles(taskDirs(bed.dirs, id, "vm"));
    expect(await bed.agent.garbage.tellDisks("demo", { discard: false })).toEqual([
      expect.stringMatching(
        /^the disk of task "vm" \(allocation [0-9a-f]{8}, \d+ KiB, .*\) is kept for 168h after its machine has ended$/,
      ),
    ]);
    // What runs is nobody's to remove.
    expect((await collect(true)).removed).toEqual([]);
    await stop(true);
    expect(await bed.agent.garbage.tellDisks("demo", { discard: false })).toEqual([
      expect.stringMatching(/ is kept until 2\S+Z$/),
    ]);
    const { kept, removed } = await collect();
    expect(removed).toEqual([]);
    expect(kept).toMatchObject([{ allocationId: id, jobId: "demo", task: "vm", path: overlay }]);
    expect(existsSync(overlay)).toBe(true);
    expect((await bed.agent.images.prune({ maxAge: 0, maxBytes: null }, false)).removed).toEqual([]);

    expect((await collect(true)).removed).toMatchObject([{ allocationId: id }]);
    expect(left()).toEqual([]);
    expect((await bed.agent.images.prune({ maxAge: 0, maxBytes: null }, false)).removed).toHaveLength(1);
  });

  test("goes at once when its job is purged by somebody who discards it, and no other job's does", async () => {
    await fetched();
    await booted(1);
    await bed.agent.registerJob(demoJob("local/demo.img", { id: "other", task: artifact() }), null, {});
    await until("the other to boot", async () => (await consoleOf(bed.agent, "other")).includes("boot=1"));
    const other = idOf(bed.agent, "other");
    await bed.agent.deregisterJob("other", { purge: true, force: "SIGKILL" });
    expect(await bed.agent.garbage.tellDisks("demo", { discard: true })).toEqual([
      expect.stringMatching(/ is removed once its machine has ended$/),
    ]);
    await bed.agent.deregisterJob("demo", { purge: true, discard: true, force: "SIGKILL" });
    await until("it to be gone", () => left().length === 1);
    expect(left()).toEqual([other]);
    expect(() => bed.agent.allocation(other)).not.toThrow();
  });

  test("stays when it is a copy, also when the clock was set back before anything was written", async () => {
    await fetched({ config: 'disk = "copy"' });
    await booted(1);
    const { copy } = diskFiles(taskDirs(bed.dirs, idOf(bed.agent), "vm"));
    await stop(true);
    utimesSync(copy, 1_000_000_000, 1_000_000_000);
    expect((await collect()).kept).toMatchObject([{ path: copy }]);
    expect(existsSync(copy)).toBe(true);
  });

  test("goes when gc_disk_retention is over", async () => {
    await fetched();
    await booted(1);
    await stop(true);
    await bed.restart(() => undefined, { garbage: { diskRetentionMillis: 1, evalThresholdMillis: 1 } });
    await until("it to be gone", () => left().length === 0);
  });

  test("is awaited by what takes its place, also by way of one that failed before it had any", async () => {
    await bed.restart(() => undefined, { garbage: { diskRetentionMillis: 0 } });
    await fetched();
    await booted(1);
    const first = idOf(bed.agent);
    // Replaced by one that fails before it comes to a disk.
    await fetched({ task: `artifact {\n source = "${origin.url("/none")}"\n}` });
    const second = idOf(bed.agent);
    await machineOf(bed.agent, "ended");
    expect(second).not.toBe(first);
    await collect();
    expect(left()).toEqual([first, second].toSorted());
    await fetched({ config: 'args = ["-name", "third"]' });
    await booted(2);
    await collect();
    expect(left()).toEqual([idOf(bed.agent)]);
  });

  test("is kept once its place is given up, from the end of the last machine there, and goes on when the job has it again", async () => {
    await fetched();
    await booted(1);
    const first = idOf(bed.agent);
    await fetched({ task: `artifact {\n source = "${origin.url("/none")}"\n}` });
    const { ending } = await machineOf(bed.agent, "ended");
    const { warnings } = await fetched({ group: "count = 0" });
    expect(warnings.map((text) => text.replace(/^allocation \w+ /, ""))).toEqual([
      `has ended; its disk waits for the next one in its place, until ${utcTime(ending.at + WEEK)}`,
    ]);
    const { kept, removed } = await collect();
    expect(kept).toMatchObject([{ allocationId: first }]);
    // The clocks of two moments differ by some milliseconds.
    const from = (kept[0]?.until ?? 0) - WEEK;
    const before = bed.agent.allocation(first).tasks["vm"]?.finishedAt ?? 0;
    expect(Math.abs(from - ending.at)).toBeLessThan(Math.abs(from - before));
    expect(removed.map(({ allocationId }) => allocationId)).not.toContain(first);
    await fetched();
    await booted(2);
  });

  test("goes when its place was given up and gc_disk_retention is over", async () => {
    await bed.restart(() => undefined, { garbage: { diskRetentionMillis: 1 } });
    await fetched();
    await booted(1);
    await fetched({ group: "count = 0" });
    await machineOf(bed.agent, "ended");
    await until("it to be gone", async () => {
      await collect();
      return left().length === 0;
    });
  });

  test("stays when it moved along to a machine that never started, and is told", async () => {
    await fetched();
    await booted(1);
    const first = idOf(bed.agent);
    // Found out when the disk is there already.
    using holder = Bun.serve({ hostname: "0.0.0.0", port: 0, fetch: () => new Response() });
    const group = `network {\n port "web" {\n static = ${holder.port}\n }\n }`;
    await fetched({ config: "port_map { web = 80 }", group });
    const second = idOf(bed.agent);
    const { ending } = await machineOf(bed.agent, "ended");
    expect(ending.message).toContain(`port ${holder.port}/tcp`);
    expect(second).not.toBe(first);
    await stop(true);
    const { overlay } = diskFiles(taskDirs(bed.dirs, second, "vm"));
    expect(existsSync(overlay)).toBe(true);
    expect((await bed.agent.garbage.tellDisks("demo", { discard: false })).join("\n")).toContain(overlay);
    expect((await collect()).kept).toMatchObject([{ allocationId: second, path: overlay }]);
    expect(existsSync(overlay)).toBe(true);
    expect((await collect(true)).removed).toMatchObject([{ allocationId: second }]);
  });

  test.each([["moved away"], ["replaced"]])(
    "counts as written to when the record of what it is was %s",
    async (how) => {
      await fetched();
      await booted(1);
      const { machine, task } = taskDirs(bed.dirs, idOf(bed.agent), "vm");
      await stop(true);
      renameSync(machine, `${task}/hidden`);
      if (how === "replaced") mkdirSync(machine);
      const { kept, removed } = await collect();
      expect(removed).toEqual([]);
      expect(kept).toMatchObject([{ path: task, bytes: 0 }]);
    },
  );
});

describe("a disk that nobody has written to", () => {
  test("does not keep its allocation: under -snapshot, and where the image is in place", async () => {
    await fetched({ config: 'args = ["-snapshot"]' });
    await booted(1);
    await stop();
    expect((await collect()).removed).toHaveLength(1);
    expect(() => bed.agent.job("demo")).toThrow("job not found");
    await bed.submit();
    await booted(1);
    await stop();
    expect((await collect()).removed).toHaveLength(1);
    expect(left()).toEqual([]);
    expect(existsSync(bed.image)).toBe(true);
  });
});

describe("a second disk that args name", () => {
  test("is somebody's data, too", async () => {
    const second = `artifact {\n source = "${origin.url("/demo.img")}"\n destination = "local/second.img"\n mode = "file"\n}`;
    await fetched({ config: 'args = ["-drive", "file=local/second.img,format=raw,if=ide,index=1"]', task: second });
    await booted(1);
    const { local, machine } = taskDirs(bed.dirs, idOf(bed.agent), "vm");
    await stop(true);
    const paths = async () => (await collect()).kept.map(({ path }) => path);
    expect(await paths()).toEqual([diskFiles({ machine }).overlay]);
    appendFileSync(`${local}/second.img`, "written");
    expect(await paths()).toEqual([diskFiles({ machine }).overlay, `${local}/second.img`]);
  });
});
