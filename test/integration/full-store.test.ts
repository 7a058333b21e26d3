import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { machineSockets } from "../../src/paths.ts";
import { makeCounterDisk } from "../guests/counter.ts";
import { agentPerTest } from "../helpers/agent-per-test.ts";
import { capacity } from "../helpers/capacity.ts";
import { bannerOf, demoJob, idOf, machineOf, writeDemoDisk } from "../helpers/in-process-agent.ts";
import { mountTmpfs, type SmallDisk } from "../helpers/small-disk.ts";
import { until } from "../helpers/until.ts";
import { CTRL_D, typeOn } from "../helpers/victim.ts";

setDefaultTimeout(60_000);

/** Mounting a small file system is root's; nobody else can have one that is full. */
describe.skipIf(process.getuid?.() !== 0)("an agent whose data_dir is on a full file system", () => {
  let disk: SmallDisk;
  // Before the directory goes that it is mounted in.
  afterEach(() => disk.unmount());
  const bed = agentPerTest(false);

  beforeEach(async () => {
    disk = mountTmpfs(bed.dir.file("data"), "4m");
    // What jobs ask for as ephemeral_disk, this one has not.
    await bed.start({ capacity: capacity() });
    await bed.submit();
    await machineOf(bed.agent, "running");
    await bannerOf(bed.agent);
  });

  const id = () => idOf(bed.agent);
  const sockets = () => machineSockets({ dataDir: "", runDir: bed.dir.file("run") }, id(), "vm");

  /** Until what SQLite has set aside is used up, a change may still be kept. */
  async function refusal(): Promise<string> {
    disk.fill();
    return await until("a change to be refused", async () => {
      try {
        await bed.agent.registerJob(demoJob(writeDemoDisk(bed.dir.path, "b.img"), { id: "other" }), null, {});
        disk.fill();
        return null;
      } catch (error) {
        return String(error);
      }
    });
  }

  /** Types until its QEMU is gone: one that is left at once may lose what it was told. */
  async function typeUntilGone(key: string, pid: number): Promise<void> {
    const stop = typeOn(sockets().serial, key);
    await until("QEMU to be gone", () => !isThere(pid));
    stop();
  }

  test("refuses jobs with the reason, answers, and lets its machines be", async () => {
    expect(await refusal()).toContain("the store cannot be written: database or disk is full");
    const { guest, identity } = await machineOf(bed.agent, "running");
    expect(guest).toBe("running");
    expect(bed.agent.allocation(id()).tasks["vm"]?.machine).toMatchObject({ identity });
    disk.empty();
    await bed.agent.registerJob(demoJob(writeDemoDisk(bed.dir.path, "c.img"), { id: "third" }), null, {});
    await machineOf(bed.agent, "running", "third");
  });

  test("keeps a power-off that came meanwhile as what it was, once there is room", async () => {
    await refusal();
    const { identity } = await machineOf(bed.agent, "running");
    await typeUntilGone(CTRL_D, identity.pid);
    await until("the agent to say that it cannot keep it", () =>
      bed.running.logLines.some((line) => line.includes("what happened to a machine cannot be kept")),
    );
    disk.empty();
    const { ending } = await machineOf(bed.agent, "ended");
    expect(ending).toMatchObject({ reason: "guest-shutdown", failed: false });
  });

  test("forces a guest that hears nothing as soon as its time is over, and keeps the receipt once there is room", async () => {
    makeCounterDisk(bed.dir.file("images", "counter.img"));
    const deaf = demoJob(bed.dir.file("images", "counter.img"), { id: "deaf", task: 'kill_timeout = "3s"' });
    await bed.agent.registerJob(deaf, null, {});
    const { identity } = await machineOf(bed.agent, "running", "deaf");
    await bed.agent.deregisterJob("deaf", { purge: false });
    await refusal();
    await machineOf(bed.agent, "stopping", "deaf");
    await until("QEMU to be gone", () => !isThere(identity.pid));
    disk.empty();
    const { ending } = await machineOf(bed.agent, "ended", "deaf");
    expect(ending).toMatchObject({ reason: "host-qmp-quit", stop: { rung: "quit" } });
  });

  test("keeps a kill that came meanwhile as what it was, once there is room", async () => {
    await refusal();
    const { identity } = await machineOf(bed.agent, "running");
    process.kill(identity.pid, "SIGKILL");
    await until("QEMU to be gone", () => !isThere(identity.pid));
    disk.empty();
    const { ending } = await machineOf(bed.agent, "ended");
    expect(ending).toMatchObject({ reason: "killed", signal: 9 });
  });

  function isThere(pid: number): boolean {
    try {
      process.kill(pid, 0);
      return true;
    } catch {
      return false;
    }
  }
});
