import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { allocsDir, reserveFile, taskDirs } from "../../src/paths.ts";
import { agentPerTest } from "../helpers/agent-per-test.ts";
import { capacity } from "../helpers/capacity.ts";
import { demoJob, idOf, machineOf } from "../helpers/in-process-agent.ts";
import { mountExt4, mountTmpfs, type SmallDisk } from "../helpers/small-disk.ts";
import { until } from "../helpers/until.ts";

setDefaultTimeout(60_000);

/** Mounting a small file system is root's; nobody else can have one that is full. */
describe.skipIf(process.getuid?.() !== 0)("on a disk that is full to the last byte", () => {
  let disk: SmallDisk | undefined;
  afterEach(() => {
    disk?.unmount();
    disk = undefined;
  });
  const bed = agentPerTest(false);
  // What jobs ask for as ephemeral_disk, these disks have not.
  const options = { capacity: capacity(), garbage: { diskRetentionMillis: 0 } };
  const left = (): string[] => readdirSync(allocsDir(bed.dirs));
  const fill = (): void => disk?.fill();

  /** An agent with one allocation on the disk, `bytes` large, which runs. */
  async function begin(bytes: number): Promise<void> {
    await bed.start(options);
    await bed.submit();
    await machineOf(bed.agent, "running");
    writeFileSync(`${taskDirs(bed.dirs, idOf(bed.agent), "vm").local}/large`, Buffer.alloc(bytes, "x"));
  }

  /** Fills the disk until no change is kept any more: the store's log has some pages of its own. */
  async function fillUp(): Promise<void> {
    fill();
    const waiting = demoJob(bed.image, { id: "waits", group: "ephemeral_disk {\n size = 999999\n}" });
    const error = await until("a change to be refused", async () => {
      try {
        await bed.agent.registerJob(waiting, null, {});
        fill();
        return null;
      } catch (error) {
        return String(error);
      }
    });
    expect(error).toContain("the store cannot be written");
  }

  async function expectItWorks(): Promise<void> {
    await bed.agent.registerJob(demoJob(bed.image, { id: "after" }), null, {});
    await machineOf(bed.agent, "running", "after");
    expect(statSync(reserveFile(bed.dirs)).size).toBeGreaterThan(0);
  }

  const DISKS: readonly [string, number, (at: string) => SmallDisk | undefined][] = [
    ["a tmpfs of 2 MiB", 900 << 10, (at) => mountTmpfs(at, "2m")],
    ["a tmpfs of 64 MiB", 8 << 20, (at) => mountTmpfs(at, "64m")],
    ["an ext4 of 64 MiB", 8 << 20, (at) => mountExt4(at, 64 << 20)],
  ];

  test.each(DISKS)("%s, what has ended is removed, and the agent works again", async (_, bytes, mount) => {
    disk = mount(bed.dir.file("data"));
    // Some hosts mount no files.
    if (disk === undefined) return;
    await begin(bytes);
    await bed.agent.deregisterJob("demo", { purge: true, force: "SIGKILL" });
    await machineOf(bed.agent, "ended");
    await fillUp();
    expect(existsSync(reserveFile(bed.dirs))).toBe(true);
    const { removed, troubles } = await bed.agent.garbage.collect({ discard: false });
    expect(troubles).toEqual([]);
    expect(removed).toMatchObject([{ jobId: "demo" }]);
    expect(left()).toEqual([]);
    await expectItWorks();
  });

  test("a machine can be stopped, its job purged, and what is left of it removed", async () => {
    disk = mountTmpfs(bed.dir.file("data"), "32m");
    await begin(4 << 20);
    await fillUp();
    await bed.agent.deregisterJob("demo", { purge: true, force: "SIGKILL" });
    await machineOf(bed.agent, "ended");
    expect((await bed.agent.garbage.collect({ discard: false })).removed).toMatchObject([{ jobId: "demo" }]);
    await expectItWorks();
  });

  test("an agent starts, and removes what has ended", async () => {
    disk = mountTmpfs(bed.dir.file("data"), "32m");
    await begin(4 << 20);
    await bed.agent.deregisterJob("demo", { purge: true, force: "SIGKILL" });
    await machineOf(bed.agent, "ended");
    await bed.restart(fill, { ...options, garbage: { ...options.garbage, evalThresholdMillis: 0 } });
    await until("it to be removed", () => left().length === 0);
    await until("room to be set aside again", () => statSync(reserveFile(bed.dirs)).size === 1 << 20);
    await expectItWorks();
  });

  test("with nothing set aside any more, a removal that cannot be kept says so, loses nothing, and goes on once there is room", async () => {
    disk = mountTmpfs(bed.dir.file("data"), "32m");
    await begin(4 << 20);
    await bed.agent.deregisterJob("demo", { purge: true, force: "SIGKILL" });
    await machineOf(bed.agent, "ended");
    const id = idOf(bed.agent);
    // Something else took it while it was given free.
    rmSync(reserveFile(bed.dirs));
    await fillUp();
    const refused = await bed.agent.garbage.collect({ discard: false }).catch((error: unknown) => error);
    expect(refused).toMatchObject({
      code: "unavailable",
      message: "the store cannot be written: database or disk is full",
      hint: expect.stringContaining("is there room on the disk of the agent's data_dir"),
    });
    expect(existsSync(`${taskDirs(bed.dirs, id, "vm").local}/large`)).toBe(true);
    expect(bed.agent.allocation(id).id).toBe(id);
    disk.empty();
    expect((await bed.agent.garbage.collect({ discard: false })).removed).toMatchObject([{ jobId: "demo" }]);
    await expectItWorks();
  });

  test("what was set aside is less than it was when something cut it, and made whole once there is room", async () => {
    disk = mountTmpfs(bed.dir.file("data"), "64m");
    await begin(0);
    truncateSync(reserveFile(bed.dirs), 4096);
    fill();
    await bed.agent.garbage.collect({ discard: false });
    expect(statSync(reserveFile(bed.dirs)).size).toBe(4096);
    disk.empty();
    await bed.agent.garbage.collect({ discard: false });
    expect(statSync(reserveFile(bed.dirs)).size).toBe(1 << 20);
  });
});
