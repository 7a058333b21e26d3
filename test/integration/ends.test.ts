import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { DatabaseSync } from "node:sqlite";
import type { EndReason } from "../../src/allocation/ending.ts";
import { machineSockets } from "../../src/paths.ts";
import { readStat } from "../../src/supervisor/identity.ts";
import {
  consoleOf,
  type DemoJob,
  demoJob,
  type InProcessAgent,
  machineOf,
  startInProcess,
  writeDemoDisk,
} from "../helpers/in-process-agent.ts";
import { processesAt } from "../helpers/processes.ts";
import { type TempDir, tempDir } from "../helpers/temp.ts";
import { until } from "../helpers/until.ts";

setDefaultTimeout(60_000);

let dir: TempDir;
let running: InProcessAgent;
let image: string;

beforeEach(async () => {
  dir = tempDir();
  running = await startInProcess(dir.path);
  image = writeDemoDisk(dir.path);
});

afterEach(async () => {
  try {
    running.close();
  } finally {
    // By what runs below the test's own directory: a test that fails may have closed its agent before.
    for (const { pid, command } of processesAt(dir.path)) {
      if (command.includes("qemu-system")) process.kill(pid, "SIGKILL");
    }
    await until("the machines to be gone", () => processesAt(dir.path).length === 0);
    await dir[Symbol.asyncDispose]();
  }
});

/** A machine of the demo guest that runs, and ways to end it. */
interface Victim {
  readonly id: string;
  readonly pid: number;
  /** Types a character on the guest's serial console, again and again until QEMU is gone or the returned function is called. */
  type(key: string): () => void;
  /** Gives a command to QEMU's human monitor. */
  monitor(command: string): void;
  /** SIGKILL to the wrapper alone; resolves when it is gone. */
  killWrapper(): Promise<void>;
}

async function startVictim(job: DemoJob): Promise<Victim> {
  await running.agent.registerJob(demoJob(image, job), null, {});
  const { identity } = await machineOf(running.agent, "running");
  const id = running.agent.allocations({ jobId: "demo" })[0]?.id ?? "";
  const { pid } = identity;
  await until("the guest's banner", async () => (await consoleOf(running.agent)).includes("DEMO GUEST"));
  const sockets = machineSockets({ dataDir: dir.file("data"), runDir: dir.file("run") }, id, "vm");
  return {
    id,
    pid,
    type: (key) => typeOn(sockets.serial, key),
    monitor: (command) => void connectTo(sockets.hmp).write(`${command}\n`),
    killWrapper: async () => {
      const wrapper = parentOf(pid);
      process.kill(wrapper, "SIGKILL");
      await until("the wrapper to be gone", () => ["Z", undefined].includes(readStat(wrapper)?.state));
    },
  };
}

/** QEMU may drop what it has not read yet when its peer hangs up: the connection stays until QEMU's end. */
function connectTo(path: string): Socket {
  const socket = connect(path);
  socket.on("error", () => socket.destroy());
  return socket.resume();
}

/** SeaBIOS reads the serial port at each timer interrupt, too: a key that it takes never comes to the guest. */
function typeOn(path: string, key: string): () => void {
  const socket = connectTo(path);
  socket.write(key);
  const again = setInterval(() => socket.write(key), 500);
  socket.on("close", () => clearInterval(again));
  return () => socket.destroy();
}

function parentOf(pid: number): number {
  const line = readFileSync(`/proc/${pid}/stat`, "utf8");
  return Number(line.slice(line.lastIndexOf(")") + 2).split(" ")[1]);
}

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

/** `pvpanic` takes a byte at this port; 1 says that the kernel panicked, 2 that a crash kernel was loaded (QEMU's docs/specs/pvpanic). */
const PANIC = "o/b 0x505 1";
const CRASH_LOADED = "o/b 0x505 2";
const CTRL_D = "\u0004";
const CTRL_R = "\u0012";

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

/** What was kept of the one end of the demo machine. */
function keptEnd(victim: Victim) {
  const { end, ends } = running.agent.why(victim.id, "vm");
  expect(ends).toHaveLength(1);
  if (end === null) throw new Error("no post-mortem was kept");
  return end;
}

describe.each([true, false])("with an agent that watches: %p, the verdict is right on", (watched) => {
  test.each(FATES)("$fate", async ({ job = {}, deal, reason, failed, exitCode, message, events }) => {
    const victim = await startVictim(job);
    if (!watched) running.close();
    await deal(victim);
    if (!watched) {
      // What -no-shutdown keeps alive is for the agent that comes back.
      if (job.config?.includes("-no-shutdown") !== true) {
        await until("QEMU to be gone", () => ["Z", undefined].includes(readStat(victim.pid)?.state));
      } else await until("the guest to have ended", () => journalOf(victim).includes(events[0] ?? ""));
      running = await startInProcess(dir.path);
    }
    const { ending } = await machineOf(running.agent, "ended");
    expect(ending).toMatchObject({ reason, failed, exitCode });
    if (typeof message === "string") expect(ending.message).toBe(message);
    else expect(ending.message).toMatch(message);
    const end = keptEnd(victim);
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
    await running.agent.registerJob(demoJob(image, { restart, config }), null, {});
    if (!watched) {
      await machineOf(running.agent, "ended");
      running.close();
      forgetEnd();
      running = await startInProcess(dir.path);
    }
    const machine = await machineOf(running.agent, "ended");
    expect(machine.ending).toMatchObject({ reason: "qemu-error", failed: true, exitCode: 1 });
    expect(machine.ending.message).toContain("'no-such-device' is not a valid device model name");
    expect(machine.generation).toBe(1);
    expect(running.agent.allocations({})[0]?.tasks["vm"]?.restarts).toBe(0);
  });
});

/** Makes the store that of an agent which died just after the spawn. */
function forgetEnd(): void {
  const database = new DatabaseSync(dir.file("data", "paddock.db"));
  const row = database.prepare("SELECT record FROM allocations").get() as { record: string };
  const record = JSON.parse(row.record);
  record.tasks.vm.machine = { kind: "starting", generation: 1, since: Date.now(), stop: null };
  database.prepare("UPDATE allocations SET terminal = 0, record = ?").run(JSON.stringify(record));
  database.exec("DELETE FROM post_mortems");
  database.close();
}

/** Read as a file, because no agent may be there to be asked. */
const journalOf = ({ id }: Victim): string =>
  readFileSync(dir.file("data", "alloc", id, "vm", ".paddock", "ev.1.out"), "latin1");

describe("what is no end:", () => {
  test("a reboot inside the guest stays in place and counts for nothing", async () => {
    const victim = await startVictim({ restart: 'attempts = 1\n interval = "1h"\n delay = "50ms"\n mode = "fail"' });
    const letGo = victim.type(CTRL_R);
    await until("the second boot", async () => (await consoleOf(running.agent)).includes("boot=2"));
    letGo();
    const record = running.agent.allocation(victim.id).tasks["vm"];
    expect(record).toMatchObject({ restarts: 0, machine: { kind: "running", generation: 1, shutdown: null } });
    expect(journalOf(victim)).toContain('"RESET"');
    expect(running.agent.why(victim.id, "vm")).toMatchObject({ end: null, ends: [] });
  });

  test("a crash kernel that was loaded is no panic", async () => {
    const victim = await startVictim({});
    victim.monitor(CRASH_LOADED);
    await until("QEMU to tell it", () => journalOf(victim).includes("GUEST_CRASHLOADED"));
    victim.type(CTRL_D);
    const { ending } = await machineOf(running.agent, "ended");
    expect(ending.reason).toBe("guest-shutdown");
    expect(keptEnd(victim).remains?.events[0]?.name).toBe("GUEST_CRASHLOADED");
  });

  test("a wrapper that was killed: QEMU is watched on, and the history tells", async () => {
    const victim = await startVictim({});
    await victim.killWrapper();
    const told = await until("the event", () =>
      running.agent.allocation(victim.id).tasks["vm"]?.events.find(({ type }) => type === "Driver"),
    );
    expect(told.message).toBe(
      "the machine's wrapper was killed; QEMU runs on, but nobody will write down its exit status",
    );
    expect((await machineOf(running.agent, "running")).identity.pid).toBe(victim.pid);
    await running.agent.deregisterJob("demo", { purge: false });
    expect((await machineOf(running.agent, "ended")).ending).toMatchObject({
      reason: "guest-shutdown",
      exitCode: null,
      stop: { rung: "powerdown" },
    });
  });

  test("a panic of which args say that the machine is kept, until it is stopped", async () => {
    const victim = await startVictim({ config: 'args = ["-action", "panic=pause"]' });
    victim.monitor(PANIC);
    await until(
      "the panicked guest",
      async () => (await machineOf(running.agent, "running")).guest === "guest-panicked",
    );
    await until("the event", () =>
      running.agent
        .allocation(victim.id)
        .tasks["vm"]?.events.some(({ message }) => message.includes("QEMU keeps it, as -action in args asks")),
    );
    expect(running.agent.allocation(victim.id).tasks["vm"]?.machine).toMatchObject({ kind: "running", shutdown: null });
    await running.agent.deregisterJob("demo", { purge: false });
    expect((await machineOf(running.agent, "ended")).ending).toMatchObject({
      reason: "guest-panic",
      stop: { rung: "quit" },
    });
  });

  test("a panic that args let the guest get over is told in the history", async () => {
    const victim = await startVictim({ config: 'args = ["-action", "panic=none"]' });
    victim.monitor(PANIC);
    await until("the event", () =>
      running.agent.allocation(victim.id).tasks["vm"]?.events.some(({ message }) => message.includes("lets it go on")),
    );
    const letGo = victim.type(CTRL_R);
    await until("the second boot", async () => (await consoleOf(running.agent)).includes("boot=2"));
    letGo();
    victim.type(CTRL_D);
    expect((await machineOf(running.agent, "ended")).ending.reason).toBe("guest-shutdown");
  });
});

describe("of a task that ends again and again", () => {
  test("each end is kept with the words of its own start, and can be asked for", async () => {
    const restart = 'attempts = 2\n interval = "1h"\n delay = "10ms"\n mode = "fail"';
    const first = await startVictim({ restart });
    process.kill(first.pid, "SIGTERM");
    const second = await until("the second start", () => {
      const machine = running.agent.allocation(first.id).tasks["vm"]?.machine;
      return machine?.kind === "running" && machine.generation === 2 && machine.guest === "running"
        ? machine
        : undefined;
    });
    process.kill(second.identity.pid, "SIGKILL");
    await until("the third start", () => {
      const machine = running.agent.allocation(first.id).tasks["vm"]?.machine;
      return machine?.kind === "running" && machine.generation === 3;
    });
    const { ends } = running.agent.why(first.id, "vm");
    expect(ends.map(({ generation, ending }) => [generation, ending.reason])).toEqual([
      [2, "killed"],
      [1, "host-signal"],
    ]);
    expect(ends[0]?.remains?.stderr).not.toContain("terminating on signal");
    expect(ends[1]?.remains?.stderr).toContain("terminating on signal 15");
    expect(ends[1]?.next).toMatchObject({ restart: true, reason: "Restart within policy" });
    const asked = running.agent.why(first.id, "vm", 1);
    expect(asked.end?.generation).toBe(1);
    expect(asked.plan?.argv.some(({ word }) => word.endsWith("ev.1"))).toBe(true);
    expect(asked.history.map(({ type }) => type)).toEqual(["Received", "Started", "Terminated", "Restarting"]);
    expect(running.agent.why(first.id, "vm", 2).history.map(({ type }) => type)).toEqual([
      "Started",
      "Terminated",
      "Restarting",
    ]);
    expect(() => running.agent.why(first.id, "vm", 7)).toThrow("the end of start 7");
  });
});

test("an end that a former version saw, which kept no post-mortem, is told from its record", async () => {
  const victim = await startVictim({});
  process.kill(victim.pid, "SIGKILL");
  await machineOf(running.agent, "ended");
  running.close();
  const database = new DatabaseSync(dir.file("data", "paddock.db"));
  database.exec("DELETE FROM post_mortems");
  database.close();
  running = await startInProcess(dir.path);
  const { end, plan } = running.agent.why(victim.id, "vm");
  expect(end).toMatchObject({ generation: 1, ending: { reason: "killed" }, remains: null });
  expect(plan?.argv.length).toBeGreaterThan(10);
  expect(() => running.agent.why(victim.id, "vm", 2)).toThrow("the end of start 2");
});

test("an agent that ends while it reads what is left of a machine leaves the verdict to the next", async () => {
  const victim = await startVictim({});
  process.kill(victim.pid, "SIGKILL");
  await until("the kernel to tell it", () => ["Z", undefined].includes(readStat(victim.pid)?.state));
  running.close();
  running = await startInProcess(dir.path);
  expect((await machineOf(running.agent, "ended")).ending.reason).toBe("killed");
});

test("what a machine's QEMU planted in the place of its files does not keep its end from being told", async () => {
  const victim = await startVictim({});
  const machine = dir.file("data", "alloc", victim.id, "vm", ".paddock");
  const logs = dir.file("data", "alloc", victim.id, "alloc", "logs");
  for (const path of [`${machine}/intent.1`, `${machine}/ev.1.out`, logs]) rmSync(path, { recursive: true });
  expect(await Bun.spawn(["mkfifo", `${machine}/intent.1`]).exited).toBe(0);
  symlinkSync("/etc/passwd", `${machine}/ev.1.out`);
  writeFileSync(logs, "no directory");
  process.kill(victim.pid, "SIGKILL");
  expect((await machineOf(running.agent, "ended")).ending).toMatchObject({ reason: "killed", exitCode: 137 });
  expect(keptEnd(victim).remains).toMatchObject({ serial: "", stderr: "", events: [] });
  expect(running.agent.journal(victim.id, "vm", 1)).rejects.toThrow('the journal of start 1 of task "vm" cannot');
});

test("what a machine's QEMU forged about its end is kept within bounds and believed about nothing else", async () => {
  const victim = await startVictim({});
  const machine = dir.file("data", "alloc", victim.id, "vm", ".paddock");
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
  await machineOf(running.agent, "ended");
  const end = keptEnd(victim);
  expect(JSON.stringify(end).length).toBeLessThan(60_000);
  expect(end.endedAt).toBeLessThanOrEqual(end.ending.at);
});
