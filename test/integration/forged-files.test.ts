import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { readStat } from "../../src/supervisor/identity.ts";
import { agentPerTest } from "../helpers/agent-per-test.ts";
import { bannerOf, idOf, machineOf, startOf } from "../helpers/in-process-agent.ts";

setDefaultTimeout(60_000);

const bed = agentPerTest();

describe("files that a machine's QEMU has forged", () => {
  const restart = 'attempts = 2\n interval = "1h"\n delay = "100ms"\n mode = "fail"';
  const machineDir = () => bed.dir.file("data", "alloc", idOf(bed.agent), "vm", ".paddock");

  test("do not make the next start take an innocent process for the machine", async () => {
    const innocent = Bun.spawn(["/bin/sleep", "60"]);
    try {
      await bed.submit({ restart });
      const first = await machineOf(bed.agent, "running");
      await bannerOf(bed.agent);
      writeFileSync(join(machineDir(), "status.2"), readFileSync(`/proc/${innocent.pid}/stat`));
      process.kill(first.identity.pid, "SIGKILL");
      const second = await startOf(bed.agent, 2);
      expect(second.identity.pid).not.toBe(innocent.pid);
      await bed.agent.deregisterJob("demo", { purge: false });
      expect((await machineOf(bed.agent, "ended")).ending.stop?.rung).toBe("powerdown");
      expect(innocent.exitCode).toBeNull();
      expect(readStat(second.identity.pid)).toBeNull();
    } finally {
      innocent.kill("SIGKILL");
      await innocent.exited;
    }
  });

  test.each([
    ["an innocent process", (pid: number) => readFileSync(`/proc/${pid}/stat`, "utf8")],
    [
      "a process that is no more",
      (pid: number) => readFileSync(`/proc/${pid}/stat`, "utf8").replace(String(pid), "4194303"),
    ],
  ])("do not make an agent that comes back adopt %s, but the machine that its command line shows", async (_, forge) => {
    const innocent = Bun.spawn(["/bin/sleep", "60"]);
    try {
      await bed.submit();
      const { identity } = await machineOf(bed.agent, "running");
      const status = join(machineDir(), "status.1");
      bed.running.close();
      rewriteState(bed.dir.file("data", "paddock.db"), (machine) => ({
        kind: "starting",
        generation: 1,
        since: machine.startedAt,
        stop: null,
      }));
      writeFileSync(status, forge(innocent.pid));
      await bed.start();
      expect((await machineOf(bed.agent, "running")).identity).toEqual(identity);
    } finally {
      innocent.kill("SIGKILL");
      await innocent.exited;
    }
  });

  test("do not stop the agent: a FIFO in place of a log fails the start", async () => {
    await bed.submit({ restart });
    const { identity } = await machineOf(bed.agent, "running");
    const log = bed.dir.file("data", "alloc", idOf(bed.agent), "alloc", "logs", "vm.stderr.0");
    rmSync(log);
    expect(await Bun.spawn(["mkfifo", log]).exited).toBe(0);
    process.kill(identity.pid, "SIGKILL");
    const { ending } = await machineOf(bed.agent, "ended");
    expect(ending).toMatchObject({ reason: "not-started", failed: true });
  });
});

/** Puts another state into the one machine's record, as an agent that died in that moment would have left it. */
function rewriteState(file: string, change: (machine: { startedAt: number }) => object): void {
  const database = new DatabaseSync(file);
  const row = database.prepare("SELECT record FROM allocations").get() as { record: string };
  const record = JSON.parse(row.record);
  record.tasks.vm.machine = change(record.tasks.vm.machine);
  database.prepare("UPDATE allocations SET record = ?").run(JSON.stringify(record));
  database.close();
}
