import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { DatabaseSync } from "node:sqlite";
import type { EndReason } from "../../src/allocation/ending.ts";
import { agentPerTest } from "../helpers/agent-per-test.ts";
import { type DemoJob, machineOf } from "../helpers/in-process-agent.ts";
import { untilGone } from "../helpers/processes.ts";
import { until } from "../helpers/until.ts";
import { CTRL_D, CTRL_R, journalOf, keptEnd, PANIC, startVictim, type Victim } from "../helpers/victim.ts";

setDefaultTimeout(60_000);

const bed = agentPerTest();

interface Fate {
  readonly fate: string;
  readonly job?: DemoJob;
  readonly deal: (victim: Victim) => void | Promise<void>;
  readonly reason: EndReason;
  readonly failed: boolean;
  /** QEMU's exit status; null when nobody lived to write it down. */
  readonly exitCode: number | null;
  readonly message: string | RegExp;
  /** Events of QEMU's that the post-mortem must have. */
  readonly events: readonly string[];
}

const signalled = (name: string): RegExp => new RegExp(`^QEMU was ended by ${name} from pid ${process.pid} \\(.+\\)$`);
const send = (signal: NodeJS.Signals) => (victim: Victim) => void process.kill(victim.pid, signal);

const FATES: readonly Fate[] = [
  {
    fate: "a power-off by the guest",
    deal: ({ type }) => void type(CTRL_D),
    reason: "guest-shutdown",
    failed: false,
    exitCode: 0,
    message: "the guest powered off",
    events: ["SHUTDOWN"],
  },
  {
    fate: "a reset by the guest under -no-reboot",
    job: { config: 'args = ["-no-reboot"]' },
    deal: ({ type }) => void type(CTRL_R),
    reason: "guest-reset",
    failed: false,
    exitCode: 0,
    message: "the guest reset and QEMU was told not to reboot it",
    events: ["SHUTDOWN"],
  },
  {
    fate: "a panic of the guest's kernel",
    deal: ({ monitor }) => monitor(PANIC),
    reason: "guest-panic",
    failed: true,
    exitCode: 0,
    message: "the guest's kernel panicked",
    events: ["GUEST_PANICKED", "SHUTDOWN"],
  },
  {
    fate: "a panic under -no-shutdown, at which QEMU pauses",
    job: { config: 'args = ["-no-shutdown"]' },
    deal: ({ monitor }) => monitor(PANIC),
    reason: "guest-panic",
    failed: true,
    exitCode: 0,
    message: "the guest's kernel panicked",
    events: ["GUEST_PANICKED", "STOP"],
  },
  {
    fate: "a power-off under -no-shutdown, at which QEMU lives on",
    job: { config: 'args = ["-no-shutdown"]' },
    deal: ({ type }) => void type(CTRL_D),
    reason: "guest-shutdown",
    failed: false,
    exitCode: 0,
    message: "the guest powered off",
    events: ["SHUTDOWN"],
  },
  ...(["SIGTERM", "SIGINT", "SIGHUP"] as const).map(
    (signal): Fate => ({
      fate: `${signal} from the host`,
      deal: send(signal),
      reason: "host-signal",
      failed: false,
      exitCode: 0,
      message: signalled(signal),
      events: ["SHUTDOWN"],
    }),
  ),
  {
    fate: "SIGKILL from the host",
    deal: send("SIGKILL"),
    reason: "killed",
    failed: true,
    exitCode: 137,
    message: "QEMU was killed by SIGKILL",
    events: [],
  },
  ...(["SIGSEGV", "SIGABRT"] as const).map(
    (signal): Fate => ({
      fate: `a crash of QEMU by ${signal}`,
      deal: send(signal),
      reason: "qemu-crash",
      failed: true,
      exitCode: signal === "SIGSEGV" ? 139 : 134,
      message: `QEMU crashed by ${signal}`,
      events: [],
    }),
  ),
  {
    fate: "quit on somebody's monitor",
    deal: ({ monitor }) => monitor("quit"),
    reason: "host-qmp-quit",
    failed: false,
    exitCode: 0,
    message: "QEMU was told to quit through its monitor",
    events: ["SHUTDOWN"],
  },
  {
    fate: "a power-off after the wrapper alone was killed",
    deal: async ({ killWrapper, type }) => {
      await killWrapper();
      type(CTRL_D);
    },
    reason: "guest-shutdown",
    failed: false,
    exitCode: null,
    message: "the guest powered off",
    events: ["SHUTDOWN"],
  },
  {
    fate: "SIGKILL to the wrapper and then to QEMU",
    deal: async ({ killWrapper, pid }) => {
      await killWrapper();
      process.kill(pid, "SIGKILL");
    },
    reason: "lost",
    failed: true,
    exitCode: null,
    message: "the machine is gone and nothing is left that says why",
    events: [],
  },
];

describe.each([true, false])("with an agent that watches: %p, the verdict is right on", (watched) => {
  test.each(FATES)("$fate", async ({ job = {}, deal, reason, failed, exitCode, message, events }) => {
    const victim = await startVictim(bed, job);
    if (!watched) bed.running.close();
    await deal(victim);
    if (!watched) {
      // What -no-shutdown keeps alive is for the agent that comes back.
      if (job.config?.includes("-no-shutdown") !== true) {
        await untilGone("QEMU", victim.pid);
      } else await until("the guest to have ended", () => journalOf(bed, victim).includes(events[0] ?? ""));
      await bed.start();
    }
    const { ending } = await machineOf(bed.agent, "ended");
    expect(ending).toMatchObject({ reason, failed, exitCode });
    if (typeof message === "string") expect(ending.message).toBe(message);
    else expect(ending.message).toMatch(message);
    const end = keptEnd(bed, victim);
    expect(end).toMatchObject({ generation: 1, ending, pid: victim.pid, next: { restart: false } });
    expect(end.remains?.watched).toBe(watched || job.config?.includes("-no-shutdown") === true);
    expect(end.remains?.serial).toContain("DEMO GUEST");
    expect(end.remains?.events.map(({ name }) => name)).toEqual(expect.arrayContaining([...events]));
    expect(end.startedAt).toBeLessThanOrEqual(end.endedAt);
    expect(end.endedAt).toBeLessThanOrEqual(ending.at);
  });

  test("arguments that QEMU refuses, and the machine is not started again", async () => {
    const restart = 'attempts = 5\n interval = "1h"\n delay = "50ms"\n mode = "delay"';
    const config = 'args = ["-device", "no-such-device"]';
    await bed.submit({ restart, config });
    if (!watched) {
      await machineOf(bed.agent, "ended");
      bed.running.close();
      forgetEnd();
      await bed.start();
    }
    const machine = await machineOf(bed.agent, "ended");
    expect(machine.ending).toMatchObject({ reason: "qemu-error", failed: true, exitCode: 1 });
    expect(machine.ending.message).toContain("'no-such-device' is not a valid device model name");
    expect(machine.generation).toBe(1);
    expect(bed.agent.allocations({})[0]?.tasks["vm"]?.restarts).toBe(0);
  });
});

/** Makes the store that of an agent which died just after the spawn. */
function forgetEnd(): void {
  const database = new DatabaseSync(bed.dir.file("data", "paddock.db"));
  const row = database.prepare("SELECT record FROM allocations").get() as { record: string };
  const record = JSON.parse(row.record);
  record.tasks.vm.machine = { kind: "starting", generation: 1, since: Date.now(), stop: null };
  database.prepare("UPDATE allocations SET terminal = 0, record = ?").run(JSON.stringify(record));
  database.exec("DELETE FROM post_mortems");
  database.close();
}
