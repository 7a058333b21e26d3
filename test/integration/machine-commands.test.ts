import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { readStat } from "../../src/supervisor/identity.ts";
import { agentPerTest } from "../helpers/agent-per-test.ts";
import {
  bannerOf,
  consoleOf,
  eventsOf,
  idOf,
  machineOf,
  newestOf,
  startOf,
  writeDemoDisk,
} from "../helpers/in-process-agent.ts";
import { kill, untilGone } from "../helpers/processes.ts";
import { stopping } from "../helpers/stopping.ts";
import { until } from "../helpers/until.ts";

setDefaultTimeout(60_000);

const bed = agentPerTest();
const { startDemo, startDeaf, stop, receipt, guestIs } = stopping(bed);

describe("a restart by command", () => {
  test("shuts the guest down and starts it again on its disk, whatever its policy, and does not count there", async () => {
    const before = await startDemo();
    await bed.agent.restartAllocation(idOf(bed.agent), "");
    const after = await startOf(bed.agent, 2);
    expect(after.identity.pid).not.toBe(before.identity.pid);
    await until("the second boot", async () => (await consoleOf(bed.agent)).includes("boot=2"));
    const task = newestOf(bed.agent)?.tasks["vm"];
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
    for (let time = 0; time < 3; time++) await bed.agent.restartAllocation(idOf(bed.agent), "");
    await startOf(bed.agent, 2);
    const types = eventsOf(bed.agent);
    expect(types?.filter((type) => type === "Restart Signaled")).toHaveLength(1);
  });

  test("that an agent's death interrupts is completed by the next one", async () => {
    const before = await startDeaf({ task: 'kill_timeout = "1s"' });
    await bed.agent.restartAllocation(idOf(bed.agent), "vm");
    await machineOf(bed.agent, "stopping");
    await bed.restart();
    const after = await startOf(bed.agent, 2);
    expect(after.identity.pid).not.toBe(before.identity.pid);
    expect(readStat(before.identity.pid)).toBeNull();
  });

  test("whose machine ends while no agent runs is completed by the next one, and not taken for a failure", async () => {
    await startDeaf({ task: 'kill_timeout = "20s"' });
    await bed.agent.restartAllocation(idOf(bed.agent), "vm");
    const { identity } = await machineOf(bed.agent, "stopping");
    await bed.restart(async () => {
      kill(identity.pid);
      await untilGone("QEMU", identity.pid);
    });
    await startOf(bed.agent, 2);
  });

  test("ends the wait of a machine that would start again later", async () => {
    const restart = 'attempts = 2\n interval = "1h"\n delay = "20m"\n mode = "fail"';
    const { identity } = await startDemo({ restart });
    kill(identity.pid);
    await machineOf(bed.agent, "backoff");
    await bed.agent.restartAllocation(idOf(bed.agent), "vm");
    await startOf(bed.agent, 2);
    expect(newestOf(bed.agent)?.tasks["vm"]).toMatchObject({ restarts: 1, window: { count: 1 } });
  });

  test("is refused for a machine that has ended or is to end", async () => {
    await startDeaf({ task: 'kill_timeout = "1s"' });
    await stop();
    await expect(bed.agent.restartAllocation(idOf(bed.agent), "vm")).rejects.toThrow(/is being stopped$/);
    await receipt();
    await expect(bed.agent.restartAllocation(idOf(bed.agent), "vm")).rejects.toThrow(/has ended$/);
    await expect(bed.agent.restartAllocation(idOf(bed.agent), "db")).rejects.toThrow(/has no task "db"/);
  });
});

describe("the power of a machine", () => {
  const power = (action: "press" | "reset" | "pause" | "resume") =>
    bed.agent.powerMachine(idOf(bed.agent), "vm", action);

  test("pauses it until it is resumed, also over an agent's restart, and a button pressed meanwhile is heard then", async () => {
    await startDemo();
    expect(await power("pause")).toEqual({ guest: "paused", message: "paused the machine; the guest is paused" });
    await guestIs("paused");
    await bed.restart();
    await guestIs("paused");
    expect((await power("pause")).message).toBe("nothing was to be paused; the guest is paused already");
    expect((await power("press")).message).toContain("hears it once it runs");
    expect((await machineOf(bed.agent, "running")).guest).toBe("paused");
    // By now it may be down already: the button was waiting for it.
    expect(["running", "shutdown", "unknown"]).toContain((await power("resume")).guest);
    const { ending } = await machineOf(bed.agent, "ended");
    expect(ending).toMatchObject({ reason: "guest-shutdown", stop: null });
  });

  test("resets it in place, which is no end", async () => {
    const before = await startDemo();
    expect(await power("reset")).toEqual({ guest: "running", message: "reset the machine; the guest is running" });
    await until("the second boot", async () => (await consoleOf(bed.agent)).includes("boot=2"));
    expect((await machineOf(bed.agent, "running")).identity).toEqual(before.identity);
    expect(newestOf(bed.agent)?.tasks["vm"]?.events.at(-1)).toMatchObject({
      type: "Driver",
      message: "Machine reset by command",
    });
    await stop();
    expect((await receipt()).rung).toBe("powerdown");
  });

  test("starts a machine that waits for that", async () => {
    await bed.submit({ config: 'args = ["-S"]' }, writeDemoDisk(bed.dir.path));
    await guestIs("prelaunch");
    expect((await power("resume")).message).toBe("resumed the machine, which was prelaunch; the guest is running");
    await bannerOf(bed.agent);
  });

  test("is nobody's when it does not run, and says so when QEMU hears nothing", async () => {
    const { identity } = await startDemo();
    process.kill(identity.pid, "SIGSTOP");
    await until("QEMU to stand still", () => readStat(identity.pid)?.state === "T");
    await expect(power("press")).rejects.toThrow(/was stopped by a signal and hears nothing$/);
    await bed.agent.signalAllocation(idOf(bed.agent), "", "SIGCONT");
    expect((await power("press")).message).toStartWith("pressed the power button");
    await machineOf(bed.agent, "ended");
    await expect(power("reset")).rejects.toThrow(/has ended$/);
  });
});

describe("a signal by command", () => {
  test("ends QEMU, which its restart policy answers", async () => {
    await startDemo();
    await bed.agent.signalAllocation(idOf(bed.agent), "vm", "term");
    const { ending } = await machineOf(bed.agent, "ended");
    expect(ending).toMatchObject({ reason: "host-signal", stop: null });
    expect(newestOf(bed.agent)?.tasks["vm"]?.events.at(2)).toMatchObject({
      type: "Signaling",
      message: "Task being sent SIGTERM by command",
    });
    await expect(bed.agent.signalAllocation(idOf(bed.agent), "vm", "SIGTERM")).rejects.toThrow(/has ended$/);
  });

  test("that means nothing to a machine is refused with what to do instead", async () => {
    const { identity } = await startDemo();
    for (const signal of ["SIGHUP", "SIGUSR1", "SIGSTOP", "", "9", "x".repeat(1_000)]) {
      const refused = bed.agent.signalAllocation(idOf(bed.agent), "vm", signal);
      await expect(refused).rejects.toMatchObject({
        code: "invalid",
        hint: expect.stringContaining("paddock vm power"),
      });
    }
    expect(readStat(identity.pid)?.state).not.toBe("T");
  });
});
