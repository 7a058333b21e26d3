import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { agentPerTest } from "../helpers/agent-per-test.ts";
import { consoleOf, machineOf } from "../helpers/in-process-agent.ts";
import { until } from "../helpers/until.ts";
import { CRASH_LOADED, CTRL_D, CTRL_R, journalOf, keptEnd, PANIC, startVictim } from "../helpers/victim.ts";

setDefaultTimeout(60_000);

const bed = agentPerTest();

describe("what is no end:", () => {
  test("a reboot inside the guest stays in place and counts for nothing", async () => {
    const victim = await startVictim(bed, {
      restart: 'attempts = 1\n interval = "1h"\n delay = "50ms"\n mode = "fail"',
    });
    const letGo = victim.type(CTRL_R);
    await until("the second boot", async () => (await consoleOf(bed.agent)).includes("boot=2"));
    letGo();
    const record = bed.agent.allocation(victim.id).tasks["vm"];
    expect(record).toMatchObject({ restarts: 0, machine: { kind: "running", generation: 1, shutdown: null } });
    expect(journalOf(bed, victim)).toContain('"RESET"');
    expect(bed.agent.why(victim.id, "vm")).toMatchObject({ end: null, ends: [] });
  });

  test("a crash kernel that was loaded is no panic", async () => {
    const victim = await startVictim(bed, {});
    victim.monitor(CRASH_LOADED);
    await until("QEMU to tell it", () => journalOf(bed, victim).includes("GUEST_CRASHLOADED"));
    victim.type(CTRL_D);
    const { ending } = await machineOf(bed.agent, "ended");
    expect(ending.reason).toBe("guest-shutdown");
    expect(keptEnd(bed, victim).remains?.events[0]?.name).toBe("GUEST_CRASHLOADED");
  });

  test("a wrapper that was killed: QEMU is watched on, and the history tells", async () => {
    const victim = await startVictim(bed, {});
    await victim.killWrapper();
    const told = await until("the event", () =>
      bed.agent.allocation(victim.id).tasks["vm"]?.events.find(({ type }) => type === "Driver"),
    );
    expect(told.message).toBe(
      "the machine's wrapper was killed; QEMU runs on, but nobody will write down its exit status",
    );
    expect((await machineOf(bed.agent, "running")).identity.pid).toBe(victim.pid);
    await bed.agent.deregisterJob("demo", { purge: false });
    expect((await machineOf(bed.agent, "ended")).ending).toMatchObject({
      reason: "guest-shutdown",
      exitCode: null,
      stop: { rung: "powerdown" },
    });
  });

  test("a panic of which args say that the machine is kept, until it is stopped", async () => {
    const victim = await startVictim(bed, { config: 'args = ["-action", "panic=pause"]' });
    victim.monitor(PANIC);
    await until("the panicked guest", async () => (await machineOf(bed.agent, "running")).guest === "guest-panicked");
    await until("the event", () =>
      bed.agent
        .allocation(victim.id)
        .tasks["vm"]?.events.some(({ message }) => message.includes("QEMU keeps it, as -action in args asks")),
    );
    expect(bed.agent.allocation(victim.id).tasks["vm"]?.machine).toMatchObject({ kind: "running", shutdown: null });
    await bed.agent.deregisterJob("demo", { purge: false });
    expect((await machineOf(bed.agent, "ended")).ending).toMatchObject({
      reason: "guest-panic",
      stop: { rung: "quit" },
    });
  });

  test("a panic that args let the guest get over is told in the history", async () => {
    const victim = await startVictim(bed, { config: 'args = ["-action", "panic=none"]' });
    victim.monitor(PANIC);
    await until("the event", () =>
      bed.agent.allocation(victim.id).tasks["vm"]?.events.some(({ message }) => message.includes("lets it go on")),
    );
    const letGo = victim.type(CTRL_R);
    await until("the second boot", async () => (await consoleOf(bed.agent)).includes("boot=2"));
    letGo();
    victim.type(CTRL_D);
    expect((await machineOf(bed.agent, "ended")).ending.reason).toBe("guest-shutdown");
  });
});
