import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { readBootId, readStat } from "../../src/supervisor/identity.ts";
import { agentPerTest } from "../helpers/agent-per-test.ts";
import { bannerOf, machineOf } from "../helpers/in-process-agent.ts";
import { kill, parentOf, untilGone } from "../helpers/processes.ts";
import { until } from "../helpers/until.ts";

setDefaultTimeout(60_000);

const bed = agentPerTest();

describe("an agent that comes back", () => {
  test("takes over the machine that runs and stops it by its button", async () => {
    await bed.submit();
    const before = await machineOf(bed.agent, "running");
    await bannerOf(bed.agent);
    await bed.restart();
    const after = await machineOf(bed.agent, "running");
    expect(after.identity).toEqual(before.identity);
    expect(after.adopted).toBe(true);
    await until(
      "the monitor to answer the new agent",
      async () => (await machineOf(bed.agent, "running")).guest === "running",
    );
    await bed.agent.deregisterJob("demo", { purge: false });
    expect((await machineOf(bed.agent, "ended")).ending).toMatchObject({
      reason: "guest-shutdown",
      exitCode: 0,
      stop: { rung: "powerdown" },
    });
  });

  const fates: [string, (pid: number) => void, object][] = [
    ["SIGTERM", (pid) => process.kill(pid, "SIGTERM"), { reason: "host-signal", exitCode: 0, failed: false }],
    ["SIGKILL", (pid) => process.kill(pid, "SIGKILL"), { reason: "killed", exitCode: 137, failed: true }],
    ["SIGSEGV", (pid) => process.kill(pid, "SIGSEGV"), { reason: "qemu-crash", exitCode: 139, signal: 11 }],
    [
      "SIGKILL to wrapper and QEMU",
      (pid) => {
        process.kill(parentOf(pid), "SIGKILL");
        process.kill(pid, "SIGKILL");
      },
      { reason: "lost", exitCode: null, failed: true },
    ],
  ];
  for (const [fate, deal, ending] of fates) {
    test(`learns that a machine had ended by ${fate} meanwhile`, async () => {
      await bed.submit();
      const { identity } = await machineOf(bed.agent, "running");
      bed.running.close();
      deal(identity.pid);
      await untilGone("QEMU", identity.pid);
      await bed.start();
      expect((await machineOf(bed.agent, "ended")).ending).toMatchObject(ending);
    });
  }

  test("does not take a process that was given the machine's pid for the machine", async () => {
    await bed.submit({ type: "batch" });
    const { identity } = await machineOf(bed.agent, "running");
    await bed.restart(undefined, { bootId: "another boot" });
    expect((await machineOf(bed.agent, "ended")).ending).toMatchObject({ reason: "host-reboot" });
    expect(readStat(identity.pid)).not.toBeNull();
    kill(identity.pid);
    expect(readBootId()).not.toBe("another boot");
  });

  test("goes on with a stop that the former agent had begun", async () => {
    await bed.submit({ task: 'kill_timeout = "2s"' });
    const { identity } = await machineOf(bed.agent, "running");
    process.kill(identity.pid, "SIGSTOP");
    await bed.agent.deregisterJob("demo", { purge: false });
    await machineOf(bed.agent, "stopping");
    await bed.restart();
    process.kill(identity.pid, "SIGCONT");
    const { ending } = await machineOf(bed.agent, "ended");
    expect(ending.stop?.order.cause).toBe("job stopped");
    expect(ending.failed).toBe(false);
  });
});

test("sockets that a killed agent left of a machine that has ended are removed at the next start, those in use are not", async () => {
  bed.running.close();
  const [left, used] = ["0a0b0c0d-0e0f", "1a1b1c1d-1e1f"].map((name) => bed.dir.file("run", name));
  for (const path of [left, used]) mkdirSync(path ?? "");
  mkdirSync(bed.dir.file("run", "something-else"));
  const stranger = Bun.spawn(["/bin/sh", "-c", "read line", "sh", `${used}/qmp.sock`], { stdin: "pipe" });
  try {
    // A process that was just spawned has no command line for a moment.
    const commandLine = () => readFileSync(`/proc/${stranger.pid}/cmdline`, "utf8");
    await until("the stranger's command line", () => commandLine().includes(used ?? ""));
    await bed.start();
    expect(readdirSync(bed.dir.file("run")).toSorted()).toEqual(["1a1b1c1d-1e1f", "something-else"]);
    expect(bed.running.logLines.join("\n")).toContain(used ?? "");
  } finally {
    stranger.kill("SIGKILL");
    await stranger.exited;
  }
});
