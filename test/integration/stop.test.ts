import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { execFileSync, spawnSync } from "node:child_process";
import { chownSync, mkdirSync, rmSync, statfsSync, statSync, writeFileSync } from "node:fs";

import type { Rung } from "../../src/allocation/ladder.ts";
import { machineSockets } from "../../src/paths.ts";
import { readStat } from "../../src/supervisor/identity.ts";
import { makeCounterDisk } from "../guests/counter.ts";
import { makeWriterDisk } from "../guests/writer.ts";
import { startFakeGuestAgent } from "../helpers/fake-qga.ts";
import { HANDSHAKE, startFakeQmp } from "../helpers/fake-qmp.ts";
import {
  consoleOf,
  type DemoJob,
  demoJob,
  type InProcessAgent,
  imagesDir,
  machineOf,
  startInProcess,
  writeDemoDisk,
} from "../helpers/in-process-agent.ts";
import { type TempDir, tempDir } from "../helpers/temp.ts";
import { until } from "../helpers/until.ts";

setDefaultTimeout(60_000);

let dir: TempDir;
let running: InProcessAgent;

beforeEach(async () => {
  dir = tempDir();
  running = await startInProcess(dir.path);
});

afterEach(async () => {
  for (const allocation of running.agent.allocations({})) {
    const machine = running.agent.allocation(allocation.id).tasks["vm"]?.machine;
    if (machine?.kind === "running" || machine?.kind === "stopping") kill(machine.identity.pid);
  }
  running.close();
  await dir[Symbol.asyncDispose]();
});

function kill(pid: number): void {
  if (readStat(pid) !== null) process.kill(pid, "SIGKILL");
}

async function restartAgent(meanwhile: () => unknown = () => undefined): Promise<void> {
  running.close();
  await meanwhile();
  running = await startInProcess(dir.path);
}

const submit = (image: string, more: DemoJob = {}) => running.agent.registerJob(demoJob(image, more), null, {});
const record = () => running.agent.allocations({ jobId: "demo" }).at(-1);
const id = () => record()?.id ?? "";
const banner = () =>
  until("the guest's banner", async () => (await consoleOf(running.agent)).includes("DEMO GUEST"), {
    deadline: 20_000,
  });
const guestIs = (status: string) =>
  until(`the guest to be ${status}`, async () => (await machineOf(running.agent, "running")).guest === status);
const stop = (options = {}) => running.agent.deregisterJob("demo", { purge: false, ...options });
const sockets = () => machineSockets({ dataDir: "", runDir: dir.file("run") }, id(), "vm");

/** The demo guest that has shown its banner, and so hears its button. */
async function startDemo(more: DemoJob = {}, image = writeDemoDisk(dir.path)) {
  await submit(image, more);
  const live = await machineOf(running.agent, "running");
  await banner();
  return live;
}

/** A guest that runs and never hears its button. */
async function startDeaf(more: DemoJob = {}) {
  mkdirSync(imagesDir(dir.path), { recursive: true });
  const image = dir.file("images", "counter.img");
  makeCounterDisk(image);
  await submit(image, more);
  const live = await machineOf(running.agent, "running");
  await until("the guest's numbers", async () => (await consoleOf(running.agent)).includes("00000009"));
  return live;
}

/** The receipt of the stop that is under way; it kept the promise, whatever happened. */
async function receipt() {
  const { ending } = await machineOf(running.agent, "ended");
  if (ending.stop === null) throw new Error(`no receipt: ${JSON.stringify(ending)}`);
  const { order, took, tries, rung } = ending.stop;
  expect(took).toBeLessThanOrEqual(order.shutdownDelay + order.killTimeout + 2_000);
  return { ending, rung, tries, answers: tries.map(({ rung, answer }) => `${rung}: ${answer}`) };
}

function demoQcow2(...options: readonly string[]): string {
  const raw = writeDemoDisk(dir.path);
  const path = dir.file("images", "demo.qcow2");
  execFileSync("qemu-img", ["convert", ...options, "-f", "raw", "-O", "qcow2", raw, path]);
  return path;
}

/** What `qemu-img check` says of a disk: 0 for a clean one, 2 for corruption, 3 for clusters that nobody uses. */
const checkDisk = (path: string): number | null => spawnSync("qemu-img", ["check", "-f", "qcow2", path]).status;

describe("every rung leaves a qcow2 clean", () => {
  const rungs: [Rung, object, DemoJob][] = [
    ["powerdown", {}, {}],
    ["quit", {}, {}],
    ["SIGTERM", { force: "SIGTERM" }, {}],
    ["SIGKILL", { force: "SIGKILL" }, {}],
  ];
  for (const [rung, options, more] of rungs) {
    test(rung, async () => {
      const disk = demoQcow2("-c");
      const job = demoJob(disk, more);
      await running.agent.registerJob(rung === "quit" ? ungraceful(job) : job, null, {});
      await machineOf(running.agent, "running");
      await banner();
      await stop(options);
      expect((await receipt()).rung).toBe(rung);
      // What was not flushed when SIGKILL came is lost: clusters that nobody uses, never ones that two use.
      expect(rung === "SIGKILL" ? [0, 3] : [0]).toContain(checkDisk(disk) ?? -1);
    });
  }
});

function ungraceful(job: ReturnType<typeof demoJob>): typeof job {
  return JSON.parse(JSON.stringify(job).replace('"graceful_shutdown":true', '"graceful_shutdown":false'));
}

describe("a QEMU that a signal has stopped", () => {
  test("is continued, so that its guest hears the button", async () => {
    const { identity } = await startDemo();
    process.kill(identity.pid, "SIGSTOP");
    await stop();
    const { rung, answers } = await receipt();
    expect(rung).toBe("powerdown");
    expect(answers[0]).toBe("powerdown: accepted (QEMU was stopped by a signal and was continued)");
  });

  test("and is adopted so is continued, too", async () => {
    const { identity } = await startDemo({ task: 'kill_timeout = "10s"' });
    await restartAgent(() => process.kill(identity.pid, "SIGSTOP"));
    await stop();
    expect((await receipt()).rung).toBe("powerdown");
  });

  test("before it is told to quit flushes its disks", async () => {
    const disk = demoQcow2("-c");
    await running.agent.registerJob(ungraceful(demoJob(disk)), null, {});
    const { identity } = await machineOf(running.agent, "running");
    await banner();
    process.kill(identity.pid, "SIGSTOP");
    await stop();
    const { rung, answers } = await receipt();
    expect(rung).toBe("quit");
    expect(answers[0]).toContain("was continued");
    expect(checkDisk(disk)).toBe(0);
  });

  test("together with its wrapper leaves nothing behind", async () => {
    const { identity } = await startDemo();
    const wrapper = parentOf(identity.pid);
    process.kill(wrapper, "SIGSTOP");
    process.kill(identity.pid, "SIGSTOP");
    await stop({ force: "SIGKILL" });
    await receipt();
    await until("the wrapper to be gone", () => readStat(wrapper) === null || readStat(wrapper)?.state === "Z");
  });
});

describe("a monitor that does not answer", () => {
  test("because its socket is gone does not hold up the ladder, and QEMU gets SIGTERM before SIGKILL", async () => {
    const disk = demoQcow2("-c");
    await startDemo({ task: 'kill_timeout = "1s"' }, disk);
    const { qmp } = sockets();
    await restartAgent(() => rmSync(qmp));
    await stop();
    const { rung, answers } = await receipt();
    expect(rung).toBe("SIGTERM");
    expect(answers[0]).toBe("powerdown: monitor is not connected");
    expect(checkDisk(disk)).toBe(0);
  });

  test("because it hangs is given one press, not a heap, and does not hold up the ladder", async () => {
    await startDemo({ task: 'kill_timeout = "2s"' });
    const { qmp } = sockets();
    const user = ownerOf(qmp);
    running.close();
    rmSync(qmp);
    const hung = await startFakeQmp(qmp, [...HANDSHAKE, { expect: "query-status" }, { expect: "query-status" }]);
    try {
      chownSync(qmp, user.uid, user.gid);
      running = await startInProcess(dir.path);
      await until("the agent to ask", () => hung.received.length === 2);
      await stop();
      const { rung, answers } = await receipt();
      expect(rung).toBe("SIGTERM");
      expect(answers.filter((answer) => answer.includes("the one before it has no answer yet")).length).toBeGreaterThan(
        1,
      );
      const asked = hung.received.map(({ execute }) => execute);
      // One for the status at the connection, one for the press, and quit.
      expect(asked).toEqual(["qmp_capabilities", "query-status", "query-status", "quit"]);
    } finally {
      await hung.stop();
    }
  });

  test("beside a guest agent that never answers either ends by SIGTERM, in time", async () => {
    await startDemo({ config: "guest_agent = true", task: 'kill_timeout = "2s"' });
    const { qmp, guestAgent } = sockets();
    const user = ownerOf(guestAgent);
    running.close();
    for (const path of [qmp, guestAgent]) rmSync(path);
    await using mute = await startFakeGuestAgent(guestAgent, {});
    chownSync(guestAgent, user.uid, user.gid);
    running = await startInProcess(dir.path);
    await stop();
    const { rung, answers } = await receipt();
    expect(rung).toBe("SIGTERM");
    expect(answers[0]).toBe("guest-agent: no answer in time");
    expect(mute.received.map(({ execute }) => execute)).toEqual(["guest-sync-delimited"]);
  });
});

test("a guest in which no agent listens has its button pressed at once", async () => {
  await startDemo({ config: "guest_agent = true" });
  await stop();
  const { rung, tries, answers } = await receipt();
  expect(rung).toBe("powerdown");
  expect(answers.slice(0, 2)).toEqual(["guest-agent: nobody listens in the guest", "powerdown: accepted"]);
  expect((tries[1]?.at ?? 0) - (tries[0]?.at ?? 0)).toBeLessThan(1_000);
});

describe.skipIf(process.getuid?.() !== 0)("a machine whose disk is full", () => {
  let full: string;

  beforeEach(() => {
    full = dir.file("images", "full");
    mkdirSync(full, { recursive: true });
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=2m", "none", full]);
  });

  afterEach(() => {
    execFileSync("umount", ["-l", full]);
  });

  /** Whose guest cannot write: the disk's clusters are compressed, and those are never written in place. */
  async function startFull(make: (disk: string) => void, more: DemoJob = {}): Promise<string> {
    const disk = `${full}/guest.qcow2`;
    make(disk);
    const { bavail, bsize } = statfsSync(full);
    writeFileSync(`${full}/ballast`, new Uint8Array(bavail * bsize));
    await submit(disk, more);
    await guestIs("io-error");
    return disk;
  }

  test("goes on by the stop and shuts down once there is room", async () => {
    const makeDemo = (path: string): void => {
      execFileSync("qemu-img", ["convert", "-c", "-O", "qcow2", demoQcow2(), path]);
    };
    const disk = await startFull(makeDemo, { task: 'kill_timeout = "15s"' });
    rmSync(`${full}/ballast`);
    await stop();
    const { rung, answers, ending } = await receipt();
    expect(rung).toBe("powerdown");
    expect(answers[0]).toBe("powerdown: accepted (guest was io-error and was resumed)");
    expect(ending.hint).toBeNull();
    expect(checkDisk(disk)).toBe(0);
  });

  test("is forced while there is none, and the receipt says that it fell back and what to do", async () => {
    const disk = await startFull(makeWriterDisk, { task: 'kill_timeout = "2s"' });
    await stop();
    const { answers, ending } = await receipt();
    expect(answers[1]).toBe("powerdown: accepted (guest was io-error again and was resumed again)");
    expect(ending).toMatchObject({ reason: "host-qmp-quit", stop: { rung: "quit" } });
    expect(ending.hint).toContain("make room");
    expect(checkDisk(disk)).toBe(0);
  });
});

describe("a stop by force", () => {
  test("in the middle of another ends a guest that hears nothing, at once", async () => {
    await startDeaf({ task: 'kill_timeout = "29s"' });
    await stop();
    await until("a press", async () => (await machineOf(running.agent, "stopping")).tries.length > 0);
    await stop({ force: "SIGKILL" });
    const { ending, rung } = await receipt();
    expect(rung).toBe("SIGKILL");
    expect(ending).toMatchObject({ reason: "killed", failed: false, hint: null });
    expect(ending.stop?.took).toBeLessThan(29_000);
  });

  test("skips shutdown_delay", async () => {
    await startDemo({ task: 'shutdown_delay = "1h"' });
    await stop({ force: "SIGTERM" });
    const { ending, rung } = await receipt();
    expect(rung).toBe("SIGTERM");
    expect(ending.stop?.took).toBeLessThan(2_000);
  });
});

test("a stop waits for shutdown_delay, unless it is told not to", async () => {
  await startDemo({ task: 'shutdown_delay = "1500ms"' });
  await stop();
  const first = (await receipt()).tries[0]?.at ?? 0;
  expect(first - ((await receipt()).ending.stop?.order.requestedAt ?? 0)).toBeGreaterThanOrEqual(1_500);
  await startDemo({ task: 'shutdown_delay = "1h"' });
  await stop({ noShutdownDelay: true });
  expect((await receipt()).ending.stop?.order.shutdownDelay).toBe(0);
});

test("kill_timeout is cut to the agent's max_kill_timeout, with a warning when the job is submitted", async () => {
  running.close();
  running = await startInProcess(dir.path, { maxKillTimeout: 1_000_000_000 });
  const image = dir.file("images", "counter.img");
  makeCounterDisk(image);
  const { warnings } = await submit(image, { task: 'kill_timeout = "1h"' });
  expect(warnings).toEqual([
    'group "g", task "vm": kill_timeout is cut from 1h0m0s to 1s, the agent\'s client.max_kill_timeout',
  ]);
  await machineOf(running.agent, "running");
  await stop();
  expect((await receipt()).ending.stop).toMatchObject({ rung: "quit", order: { killTimeout: 1_000 } });
});

describe("a restart by command", () => {
  const runsAgain = (generation: number) =>
    until(
      `start ${generation}`,
      () => {
        const machine = record()?.tasks["vm"]?.machine;
        if (machine?.kind === "running" && machine.generation === generation && machine.guest === "running")
          return machine;
        throw new Error(JSON.stringify(machine));
      },
      { deadline: 20_000 },
    );

  test("shuts the guest down and starts it again on its disk, whatever its policy, and does not count there", async () => {
    const before = await startDemo();
    await running.agent.restartAllocation(id(), "");
    const after = await runsAgain(2);
    expect(after.identity.pid).not.toBe(before.identity.pid);
    await until("the second boot", async () => (await consoleOf(running.agent)).includes("boot=2"));
    const task = record()?.tasks["vm"];
    expect(task).toMatchObject({ restarts: 1, window: null });
    expect(task?.events.map(({ type }) => type)).toEqual([
      "Received",
      "Started",
      "Restart Signaled",
      "Killing",
      "Terminated",
      "Restarting",
      "Started",
    ]);
    expect(task?.events[5]?.message).toMatch(/^Task restarting by command: ended by ACPI power button after \d/);
  });

  test("asked for again while it is under way is one restart", async () => {
    await startDeaf({ task: 'kill_timeout = "1s"' });
    for (let time = 0; time < 3; time++) await running.agent.restartAllocation(id(), "");
    await runsAgain(2);
    const types = record()?.tasks["vm"]?.events.map(({ type }) => type);
    expect(types?.filter((type) => type === "Restart Signaled")).toHaveLength(1);
  });

  test("that an agent's death interrupts is completed by the next one", async () => {
    const before = await startDeaf({ task: 'kill_timeout = "1s"' });
    await running.agent.restartAllocation(id(), "vm");
    await machineOf(running.agent, "stopping");
    await restartAgent();
    const after = await runsAgain(2);
    expect(after.identity.pid).not.toBe(before.identity.pid);
    expect(readStat(before.identity.pid)).toBeNull();
  });

  test("whose machine ends while no agent runs is completed by the next one, and not taken for a failure", async () => {
    await startDeaf({ task: 'kill_timeout = "20s"' });
    await running.agent.restartAllocation(id(), "vm");
    const { identity } = await machineOf(running.agent, "stopping");
    await restartAgent(async () => {
      kill(identity.pid);
      await until("QEMU to be gone", () => readStat(identity.pid) === null || readStat(identity.pid)?.state === "Z");
    });
    await runsAgain(2);
  });

  test("ends the wait of a machine that would start again later", async () => {
    const restart = 'attempts = 2\n interval = "1h"\n delay = "20m"\n mode = "fail"';
    const { identity } = await startDemo({ restart });
    kill(identity.pid);
    await machineOf(running.agent, "backoff");
    await running.agent.restartAllocation(id(), "vm");
    await runsAgain(2);
    expect(record()?.tasks["vm"]).toMatchObject({ restarts: 1, window: { count: 1 } });
  });

  test("is refused for a machine that has ended or is to end", async () => {
    await startDeaf({ task: 'kill_timeout = "1s"' });
    await stop();
    await expect(running.agent.restartAllocation(id(), "vm")).rejects.toThrow(/is being stopped$/);
    await receipt();
    await expect(running.agent.restartAllocation(id(), "vm")).rejects.toThrow(/has ended$/);
    await expect(running.agent.restartAllocation(id(), "db")).rejects.toThrow(/has no task "db"/);
  });
});

describe("the power of a machine", () => {
  const power = (action: "press" | "reset" | "pause" | "resume") => running.agent.powerMachine(id(), "vm", action);

  test("pauses it until it is resumed, also over an agent's restart, and a button pressed meanwhile is heard then", async () => {
    await startDemo();
    expect(await power("pause")).toEqual({ guest: "paused", message: "paused the machine; the guest is paused" });
    await guestIs("paused");
    await restartAgent();
    await guestIs("paused");
    expect((await power("pause")).message).toBe("nothing was to be paused; the guest is paused already");
    expect((await power("press")).message).toContain("hears it once it runs");
    expect((await machineOf(running.agent, "running")).guest).toBe("paused");
    // By now it may be down already: the button was waiting for it.
    expect(["running", "shutdown", "unknown"]).toContain((await power("resume")).guest);
    const { ending } = await machineOf(running.agent, "ended");
    expect(ending).toMatchObject({ reason: "guest-shutdown", stop: null });
  });

  test("resets it in place, which is no end", async () => {
    const before = await startDemo();
    expect(await power("reset")).toEqual({ guest: "running", message: "reset the machine; the guest is running" });
    await until("the second boot", async () => (await consoleOf(running.agent)).includes("boot=2"));
    expect((await machineOf(running.agent, "running")).identity).toEqual(before.identity);
    expect(record()?.tasks["vm"]?.events.at(-1)).toMatchObject({ type: "Driver", message: "Machine reset by command" });
    await stop();
    expect((await receipt()).rung).toBe("powerdown");
  });

  test("starts a machine that waits for that", async () => {
    await submit(writeDemoDisk(dir.path), { config: 'args = ["-S"]' });
    await guestIs("prelaunch");
    expect((await power("resume")).message).toBe("resumed the machine, which was prelaunch; the guest is running");
    await banner();
  });

  test("is nobody's when it does not run, and says so when QEMU hears nothing", async () => {
    const { identity } = await startDemo();
    process.kill(identity.pid, "SIGSTOP");
    await until("QEMU to stand still", () => readStat(identity.pid)?.state === "T");
    await expect(power("press")).rejects.toThrow(/was stopped by a signal and hears nothing$/);
    await running.agent.signalAllocation(id(), "", "SIGCONT");
    expect((await power("press")).message).toStartWith("pressed the power button");
    await machineOf(running.agent, "ended");
    await expect(power("reset")).rejects.toThrow(/has ended$/);
  });
});

describe("a signal by command", () => {
  test("ends QEMU, which its restart policy answers", async () => {
    await startDemo();
    await running.agent.signalAllocation(id(), "vm", "term");
    const { ending } = await machineOf(running.agent, "ended");
    expect(ending).toMatchObject({ reason: "host-signal", stop: null });
    expect(record()?.tasks["vm"]?.events.at(2)).toMatchObject({
      type: "Signaling",
      message: "Task being sent SIGTERM by command",
    });
    await expect(running.agent.signalAllocation(id(), "vm", "SIGTERM")).rejects.toThrow(/has ended$/);
  });

  test("that means nothing to a machine is refused with what to do instead", async () => {
    const { identity } = await startDemo();
    for (const signal of ["SIGHUP", "SIGUSR1", "SIGSTOP", "", "9", "x".repeat(1_000)]) {
      const refused = running.agent.signalAllocation(id(), "vm", signal);
      await expect(refused).rejects.toMatchObject({
        code: "invalid",
        hint: expect.stringContaining("paddock vm power"),
      });
    }
    expect(readStat(identity.pid)?.state).not.toBe("T");
  });
});

/** Whom a machine's sockets belong to: nobody else's are talked to. */
function ownerOf(path: string): { readonly uid: number; readonly gid: number } {
  const { uid, gid } = statSync(path);
  return { uid, gid };
}

function parentOf(pid: number): number {
  return Number(execFileSync("ps", ["-o", "ppid=", "-p", String(pid)], { encoding: "utf8" }).trim());
}
