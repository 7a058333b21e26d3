import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { rmSync, symlinkSync, writeFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { readStat } from "../../src/supervisor/identity.ts";
import { agentPerTest } from "../helpers/agent-per-test.ts";
import { machineOf } from "../helpers/in-process-agent.ts";
import { until } from "../helpers/until.ts";
import { keptEnd, startVictim } from "../helpers/victim.ts";

setDefaultTimeout(60_000);

const bed = agentPerTest();

describe("of a task that ends again and again", () => {
  test("each end is kept with the words of its own start, and can be asked for", async () => {
    const restart = 'attempts = 2\n interval = "1h"\n delay = "10ms"\n mode = "fail"';
    const first = await startVictim(bed, { restart });
    process.kill(first.pid, "SIGTERM");
    const second = await until("the second start", () => {
      const machine = bed.agent.allocation(first.id).tasks["vm"]?.machine;
      return machine?.kind === "running" && machine.generation === 2 && machine.guest === "running"
        ? machine
        : undefined;
    });
    process.kill(second.identity.pid, "SIGKILL");
    await until("the third start", () => {
      const machine = bed.agent.allocation(first.id).tasks["vm"]?.machine;
      return machine?.kind === "running" && machine.generation === 3;
    });
    const { ends } = bed.agent.why(first.id, "vm");
    expect(ends.map(({ generation, ending }) => [generation, ending.reason])).toEqual([
      [2, "killed"],
      [1, "host-signal"],
    ]);
    expect(ends[0]?.remains?.stderr).not.toContain("terminating on signal");
    expect(ends[1]?.remains?.stderr).toContain("terminating on signal 15");
    expect(ends[1]?.next).toMatchObject({ restart: true, reason: "Restart within policy" });
    const asked = bed.agent.why(first.id, "vm", 1);
    expect(asked.end?.generation).toBe(1);
    expect(asked.plan?.argv.some(({ word }) => word.endsWith("ev.1"))).toBe(true);
    expect(asked.history.map(({ type }) => type)).toEqual(["Received", "Started", "Terminated", "Restarting"]);
    expect(bed.agent.why(first.id, "vm", 2).history.map(({ type }) => type)).toEqual([
      "Started",
      "Terminated",
      "Restarting",
    ]);
    expect(() => bed.agent.why(first.id, "vm", 7)).toThrow("the end of start 7");
  });
});

test("an end that a former version saw, which kept no post-mortem, is told from its record", async () => {
  const victim = await startVictim(bed, {});
  process.kill(victim.pid, "SIGKILL");
  await machineOf(bed.agent, "ended");
  bed.running.close();
  const database = new DatabaseSync(bed.dir.file("data", "paddock.db"));
  database.exec("DELETE FROM post_mortems");
  database.close();
  await bed.start();
  const { end, plan } = bed.agent.why(victim.id, "vm");
  expect(end).toMatchObject({ generation: 1, ending: { reason: "killed" }, remains: null });
  expect(plan?.argv.length).toBeGreaterThan(10);
  expect(() => bed.agent.why(victim.id, "vm", 2)).toThrow("the end of start 2");
});

test("an agent that ends while it reads what is left of a machine leaves the verdict to the next", async () => {
  const victim = await startVictim(bed, {});
  process.kill(victim.pid, "SIGKILL");
  await until("the kernel to tell it", () => ["Z", undefined].includes(readStat(victim.pid)?.state));
  await bed.restart();
  expect((await machineOf(bed.agent, "ended")).ending.reason).toBe("killed");
});

test("what a machine's QEMU planted in the place of its files does not keep its end from being told", async () => {
  const victim = await startVictim(bed, {});
  const machine = bed.dir.file("data", "alloc", victim.id, "vm", ".paddock");
  const logs = bed.dir.file("data", "alloc", victim.id, "alloc", "logs");
  for (const path of [`${machine}/intent.1`, `${machine}/ev.1.out`, logs]) rmSync(path, { recursive: true });
  expect(await Bun.spawn(["mkfifo", `${machine}/intent.1`]).exited).toBe(0);
  symlinkSync("/etc/passwd", `${machine}/ev.1.out`);
  writeFileSync(logs, "no directory");
  process.kill(victim.pid, "SIGKILL");
  expect((await machineOf(bed.agent, "ended")).ending).toMatchObject({ reason: "killed", exitCode: 137 });
  expect(keptEnd(bed, victim).remains).toMatchObject({ serial: "", stderr: "", events: [] });
  await expect(bed.agent.journal(victim.id, "vm", 1)).rejects.toThrow('the journal of start 1 of task "vm" cannot');
});

test("what a machine's QEMU planted in the place of its logs does not keep the agent from ending", async () => {
  const victim = await startVictim(bed, {});
  await bed.running.lookAtLogs();
  const logs = bed.dir.file("data", "alloc", victim.id, "alloc", "logs");
  rmSync(logs, { recursive: true });
  writeFileSync(logs, "no directory");
  expect(() => bed.running.close()).not.toThrow();
});

test("what a machine's QEMU forged about its end is kept within bounds and believed about nothing else", async () => {
  const victim = await startVictim(bed, {});
  const machine = bed.dir.file("data", "alloc", victim.id, "vm", ".paddock");
  const junk = "\u001b[2J".repeat(100_000);
  const forged = Array.from({ length: 200 }, (_, at) => ({
    timestamp: { seconds: 253_402_300_799, microseconds: at },
    event: "SHUTDOWN",
    data: { reason: "guest-panic", junk },
  }));
  writeFileSync(
    `${machine}/ev.1.out`,
    forged
      .map((event) => `${JSON.stringify(event)}\n`)
      .slice(0, 3)
      .join(""),
  );
  writeFileSync(`${machine}/intent.1`, JSON.stringify({ bootId: "", logs: { stdout: { file: "../../x", size: -1 } } }));
  process.kill(victim.pid, "SIGKILL");
  await machineOf(bed.agent, "ended");
  const end = keptEnd(bed, victim);
  expect(JSON.stringify(end).length).toBeLessThan(60_000);
  expect(end.endedAt).toBeLessThanOrEqual(end.ending.at);
});
