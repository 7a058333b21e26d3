import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type Allocation, clientStatus } from "../../src/allocation/allocation.ts";
import { readBootId, readStat } from "../../src/supervisor/identity.ts";
import {
  consoleOf,
  demoJob,
  type InProcessAgent,
  jobFrom,
  machineOf,
  startInProcess,
  writeDemoDisk,
} from "../helpers/in-process-agent.ts";
import { startOrigin } from "../helpers/origin.ts";
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
  // Kill by the pid that was recorded, whatever the test left.
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

const submit = (more: Parameters<typeof demoJob>[1] = {}) => running.agent.registerJob(demoJob(image, more), null, {});
const bannerOf = (jobId = "demo") =>
  until("the guest's banner", async () => (await consoleOf(running.agent, jobId)).includes("DEMO GUEST"));
const events = () =>
  running.agent
    .allocations({ jobId: "demo" })
    .at(-1)
    ?.tasks["vm"]?.events.map(({ type }) => type);

describe("a machine", () => {
  test("starts, speaks on its console, hears the power button and leaves a receipt", async () => {
    await submit();
    const live = await machineOf(running.agent, "running");
    expect(live.guest).toBe("running");
    expect(readStat(live.identity.pid)?.startTime).toBe(live.identity.startTime);
    await bannerOf();
    await running.agent.deregisterJob("demo", { purge: false });
    const { ending } = await machineOf(running.agent, "ended");
    expect(ending).toMatchObject({
      reason: "guest-shutdown",
      failed: false,
      exitCode: 0,
      hint: null,
      stop: { rung: "powerdown" },
    });
    expect(ending.stop?.tries[0]?.answer).toBe("accepted");
    expect(await consoleOf(running.agent)).toContain("power button");
    expect(events()).toEqual(["Received", "Started", "Killing", "Terminated", "Killed"]);
    expect(readdirSync(dir.file("run"))).toEqual([]);
    expect(readStat(live.identity.pid)).toBeNull();
  });

  test("that ignores the button is forced within two seconds of kill_timeout, with the reason", async () => {
    await submit({ task: 'kill_timeout = "1s"', config: 'args = ["-S"]' });
    await until(
      "the guest to be paused",
      async () => (await machineOf(running.agent, "running")).guest === "prelaunch",
    );
    await running.agent.deregisterJob("demo", { purge: false });
    const { ending } = await machineOf(running.agent, "ended");
    expect(ending).toMatchObject({ reason: "host-qmp-quit", stop: { rung: "quit" } });
    expect(ending.stop?.took).toBeLessThan(3000);
  });

  test("that was paused is resumed so that it can hear the button", async () => {
    await submit();
    const live = await machineOf(running.agent, "running");
    await bannerOf();
    pauseByHumanMonitor(running.agent.allocations({ jobId: "demo" })[0]?.id ?? "");
    await until(
      "QEMU to say that it is paused",
      async () => (await machineOf(running.agent, "running")).guest === "paused",
    );
    await running.agent.deregisterJob("demo", { purge: false });
    const { stop } = (await machineOf(running.agent, "ended")).ending;
    expect(stop?.rung).toBe("powerdown");
    expect(stop?.tries[0]?.answer).toBe("accepted (guest was paused and was resumed)");
    expect(readStat(live.identity.pid)).toBeNull();
  });

  test("killed from outside says so", async () => {
    await submit();
    const live = await machineOf(running.agent, "running");
    process.kill(live.identity.pid, "SIGKILL");
    expect((await machineOf(running.agent, "ended")).ending).toMatchObject({
      reason: "killed",
      failed: true,
      message: "QEMU was killed by SIGKILL",
    });
  });

  test("ended by SIGTERM from outside says so", async () => {
    await submit();
    process.kill((await machineOf(running.agent, "running")).identity.pid, "SIGTERM");
    expect((await machineOf(running.agent, "ended")).ending).toMatchObject({ reason: "host-signal", exitCode: 0 });
  });

  test("whose QEMU refuses its arguments fails with QEMU's own words and is not tried again", async () => {
    await submit({ config: 'args = ["-device", "no-such-device"]' });
    const { ending } = await machineOf(running.agent, "ended");
    expect(ending).toMatchObject({ reason: "qemu-error", failed: true, exitCode: 1 });
    expect(ending.message).toContain("'no-such-device' is not a valid device model name");
    expect(events()).toEqual(["Received", "Driver Failure", "Not Restarting"]);
  });

  test("whose image is not there fails before anything runs", async () => {
    await running.agent.registerJob(demoJob("local/none.img"), null, {});
    const { ending } = await machineOf(running.agent, "ended");
    expect(ending).toMatchObject({ reason: "not-started", failed: true, exitCode: null });
    expect(ending.message).toContain("local/none.img");
    expect(readdirSync(dir.file("run"))).toEqual([]);
  });

  test("that says SHUTDOWN but lives on is told to quit, and the guest's wish stays the reason", async () => {
    await submit({ config: 'args = ["-no-shutdown"]' });
    await machineOf(running.agent, "running");
    await bannerOf();
    await running.agent.deregisterJob("demo", { purge: false });
    expect((await machineOf(running.agent, "ended")).ending).toMatchObject({ reason: "guest-shutdown", exitCode: 0 });
  });
});

describe("an agent that comes back", () => {
  const restart = async (options = {}) => {
    running.close();
    running = await startInProcess(dir.path, options);
  };

  test("takes over the machine that runs and stops it by its button", async () => {
    await submit();
    const before = await machineOf(running.agent, "running");
    await bannerOf();
    await restart();
    const after = await machineOf(running.agent, "running");
    expect(after.identity).toEqual(before.identity);
    expect(after.adopted).toBe(true);
    await until(
      "the monitor to answer the new agent",
      async () => (await machineOf(running.agent, "running")).guest === "running",
    );
    await running.agent.deregisterJob("demo", { purge: false });
    expect((await machineOf(running.agent, "ended")).ending).toMatchObject({
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
      await submit();
      const { identity } = await machineOf(running.agent, "running");
      running.close();
      deal(identity.pid);
      await until(
        "the process to be gone",
        () => readStat(identity.pid) === null || readStat(identity.pid)?.state === "Z",
      );
      running = await startInProcess(dir.path);
      expect((await machineOf(running.agent, "ended")).ending).toMatchObject(ending);
    });
  }

  test("does not take a process that was given the machine's pid for the machine", async () => {
    await submit({ type: "batch" });
    const { identity } = await machineOf(running.agent, "running");
    running.close();
    running = await startInProcess(dir.path, { bootId: "another boot" });
    expect((await machineOf(running.agent, "ended")).ending).toMatchObject({ reason: "host-reboot" });
    expect(readStat(identity.pid)).not.toBeNull();
    kill(identity.pid);
    expect(readBootId()).not.toBe("another boot");
  });

  test("goes on with a stop that the former agent had begun", async () => {
    await submit({ task: 'kill_timeout = "2s"' });
    const { identity } = await machineOf(running.agent, "running");
    process.kill(identity.pid, "SIGSTOP");
    await running.agent.deregisterJob("demo", { purge: false });
    await machineOf(running.agent, "stopping");
    await restart();
    process.kill(identity.pid, "SIGCONT");
    const { ending } = await machineOf(running.agent, "ended");
    expect(ending.stop?.order.cause).toBe("job stopped");
    expect(ending.failed).toBe(false);
  });
});

describe("files that a machine's QEMU has forged", () => {
  const restart = 'attempts = 2\n interval = "1h"\n delay = "100ms"\n mode = "fail"';
  const machineDir = () => dir.file("data", "alloc", running.agent.allocations({})[0]?.id ?? "", "vm", ".paddock");

  test("do not make the next start take an innocent process for the machine", async () => {
    const innocent = Bun.spawn(["/bin/sleep", "60"]);
    try {
      await submit({ restart });
      const first = await machineOf(running.agent, "running");
      await bannerOf();
      writeFileSync(join(machineDir(), "status.2"), readFileSync(`/proc/${innocent.pid}/stat`));
      process.kill(first.identity.pid, "SIGKILL");
      const second = await until("the second start", () => {
        const machine = running.agent.allocations({})[0]?.tasks["vm"]?.machine;
        return machine?.kind === "running" && machine.generation === 2 && machine.guest === "running"
          ? machine
          : undefined;
      });
      expect(second.identity.pid).not.toBe(innocent.pid);
      await running.agent.deregisterJob("demo", { purge: false });
      expect((await machineOf(running.agent, "ended")).ending.stop?.rung).toBe("powerdown");
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
      await submit();
      const { identity } = await machineOf(running.agent, "running");
      const status = join(machineDir(), "status.1");
      running.close();
      rewriteState(dir.file("data", "paddock.db"), (machine) => ({
        kind: "starting",
        generation: 1,
        since: machine.startedAt,
        stop: null,
      }));
      writeFileSync(status, forge(innocent.pid));
      running = await startInProcess(dir.path);
      expect((await machineOf(running.agent, "running")).identity).toEqual(identity);
    } finally {
      innocent.kill("SIGKILL");
      await innocent.exited;
    }
  });

  test("do not stop the agent: a FIFO in place of a log fails the start", async () => {
    await submit({ restart });
    const { identity } = await machineOf(running.agent, "running");
    const log = dir.file("data", "alloc", running.agent.allocations({})[0]?.id ?? "", "alloc", "logs", "vm.stderr.0");
    rmSync(log);
    expect(await Bun.spawn(["mkfifo", log]).exited).toBe(0);
    process.kill(identity.pid, "SIGKILL");
    const { ending } = await machineOf(running.agent, "ended");
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

test("sockets that a killed agent left of a machine that has ended are removed at the next start, those in use are not", async () => {
  running.close();
  const [left, used] = ["0a0b0c0d-0e0f", "1a1b1c1d-1e1f"].map((name) => dir.file("run", name));
  for (const path of [left, used]) mkdirSync(path ?? "");
  mkdirSync(dir.file("run", "something-else"));
  const stranger = Bun.spawn(["/bin/sh", "-c", "read line", "sh", `${used}/qmp.sock`], { stdin: "pipe" });
  try {
    // A process that was just spawned has no command line for a moment.
    const commandLine = () => readFileSync(`/proc/${stranger.pid}/cmdline`, "utf8");
    await until("the stranger's command line", () => commandLine().includes(used ?? ""));
    running = await startInProcess(dir.path);
    expect(readdirSync(dir.file("run")).toSorted()).toEqual(["1a1b1c1d-1e1f", "something-else"]);
    expect(running.logLines.join("\n")).toContain(used ?? "");
  } finally {
    stranger.kill("SIGKILL");
    await stranger.exited;
  }
});

describe("a job that is submitted again", () => {
  test("unchanged leaves its machine alone", async () => {
    await submit();
    const before = await machineOf(running.agent, "running");
    const again = await submit();
    expect(again.job.version).toBe(0);
    expect(running.agent.allocations({ jobId: "demo" })).toHaveLength(1);
    expect((await machineOf(running.agent, "running")).identity).toEqual(before.identity);
  });

  test("changed waits for the old machine to end before the new one takes its disk", async () => {
    await submit();
    await machineOf(running.agent, "running");
    await bannerOf();
    const changed = await submit({ config: 'args = ["-smp", "2"]' });
    expect(changed.job.version).toBe(1);
    expect(changed.warnings[0]).toContain("is stopped and replaced");
    await machineOf(running.agent, "running");
    const [old, now] = running.agent.allocations({ jobId: "demo" });
    expect(old?.tasks["vm"]?.machine).toMatchObject({
      kind: "ended",
      ending: { stop: { order: { cause: "job updated" } } },
    });
    expect(now?.jobVersion).toBe(1);
    await until("the second boot", async () => (await consoleOf(running.agent)).includes("cpus=2 mem=128M boot=2"));
  });
});

describe("a restart policy", () => {
  const restart = 'attempts = 1\n interval = "1h"\n delay = "100ms"\n mode = "fail"';
  const record = () => running.agent.allocations({ jobId: "demo" }).at(-1)?.tasks["vm"];
  const runsAgain = async (generation: number) =>
    await until(
      `start ${generation} of the machine`,
      () => {
        const machine = record()?.machine;
        if (machine?.kind !== "running" || machine.generation !== generation || machine.guest !== "running") {
          throw new Error(JSON.stringify(machine));
        }
        return machine;
      },
      { deadline: 20_000 },
    );

  test("starts a machine again in place, on the same disk, until its attempts are used up", async () => {
    await submit({ restart });
    const first = await machineOf(running.agent, "running");
    await bannerOf();
    process.kill(first.identity.pid, "SIGKILL");
    const second = await runsAgain(2);
    expect(second.identity.pid).not.toBe(first.identity.pid);
    await until("the second boot", async () => (await consoleOf(running.agent)).includes("boot=2"));
    expect(record()).toMatchObject({ restarts: 1, window: { count: 1 } });
    process.kill(second.identity.pid, "SIGKILL");
    const ended = await machineOf(running.agent, "ended");
    expect(ended).toMatchObject({ failed: true, ending: { reason: "killed" } });
    expect(record()?.events.at(-1)).toMatchObject({
      type: "Not Restarting",
      failsTask: true,
      message: 'Exceeded allowed attempts 1 in interval 1h0m0s and mode is "fail"',
    });
    expect(readdirSync(dir.file("run"))).toEqual([]);
  });

  test("leaves a batch job alone that ended well, and calls it complete", async () => {
    await submit({ type: "batch", restart });
    process.kill((await machineOf(running.agent, "running")).identity.pid, "SIGTERM");
    expect(await machineOf(running.agent, "ended")).toMatchObject({ failed: false });
    expect(clientStatus(running.agent.allocations({})[0] as Allocation)).toBe("complete");
  });

  test("is applied once to an end that happened while no agent ran", async () => {
    await submit({ restart: restart.replace("attempts = 1", "attempts = 5") });
    const { identity } = await machineOf(running.agent, "running");
    running.close();
    process.kill(identity.pid, "SIGKILL");
    await until(
      "the process to be gone",
      () => readStat(identity.pid) === null || readStat(identity.pid)?.state === "Z",
    );
    running = await startInProcess(dir.path);
    const again = await runsAgain(2);
    running.close();
    running = await startInProcess(dir.path);
    expect((await machineOf(running.agent, "running")).identity).toEqual(again.identity);
    expect(record()?.restarts).toBe(1);
  });

  test("is waited for over an agent's restart, and a stop meanwhile ends the wait", async () => {
    await submit({ restart: 'attempts = 2\n interval = "1h"\n delay = "20m"\n mode = "fail"' });
    process.kill((await machineOf(running.agent, "running")).identity.pid, "SIGKILL");
    const waiting = await machineOf(running.agent, "backoff");
    running.close();
    running = await startInProcess(dir.path);
    expect(await machineOf(running.agent, "backoff")).toEqual(waiting);
    await running.agent.deregisterJob("demo", { purge: false });
    expect(await machineOf(running.agent, "ended")).toMatchObject({ failed: false });
  });

  test("does not fetch an artifact again: the guest may have written to it", async () => {
    await using origin = await startOrigin({ "/demo.img": { kind: "bytes", body: readFileSync(image) } });
    const task = `artifact {\n source = "${origin.url("/demo.img")}"\n }`;
    await running.agent.registerJob(demoJob("local/demo.img", { restart, task }), null, {});
    const first = await machineOf(running.agent, "running");
    await bannerOf();
    process.kill(first.identity.pid, "SIGKILL");
    await runsAgain(2);
    await until("the second boot", async () => (await consoleOf(running.agent)).includes("boot=2"));
    expect(origin.count("/demo.img")).toBe(1);
  });

  test("tries a download again that failed", async () => {
    await using origin = await startOrigin({});
    const task = `artifact {\n source = "${origin.url("/demo.img")}"\n }`;
    await running.agent.registerJob(demoJob("local/demo.img", { restart, task }), null, {});
    await until("the first attempt", () => record()?.restarts === 1);
    origin.set("/demo.img", { kind: "bytes", body: readFileSync(image) });
    await runsAgain(2);
  });
});

test("ports lead to the guest on tcp, and a busy one is named before QEMU starts", async () => {
  const busy = Bun.listen({ hostname: "0.0.0.0", port: 0, socket: { data: () => undefined } });
  try {
    const group = `network {\n port "web" { static = ${busy.port} }\n }`;
    await running.agent.registerJob(demoJob(image, { group, config: "port_map { web = 80 }" }), null, {});
    const { ending } = await machineOf(running.agent, "ended");
    expect(ending.message).toContain(`port ${busy.port}/tcp (label "web") is in use by`);
    expect(ending.message).toContain(`(pid ${process.pid})`);
  } finally {
    busy.stop(true);
  }
});

test("a job that asks for what the node lacks is refused with every failing constraint and what was found", async () => {
  const job = jobFrom(`
job "demo" {
  constraint {
    attribute = "\${attr.driver.qemu.version}"
    operator  = ">"
    value     = "99.0.0"
  }
  constraint {
    attribute = "\${meta.rack}"
    value     = "r1"
  }
  group "g" {
    task "vm" {
      driver = "qemu"
      config { image_path = "${image}" }
    }
  }
}`);
  const version = running.agent.node.attributes["driver.qemu.version"] ?? "";
  await expect(running.agent.registerJob(job, null, {})).rejects.toThrow(
    new RegExp(`does not fit this node:[\\s\\S]*99\\.0\\.0[\\s\\S]*${version}[\\s\\S]*meta\\.rack`),
  );
  expect(running.agent.jobs("")).toEqual([]);
  expect(existsSync(dir.file("data", "alloc"))).toBe(false);
});

/** What a person would type at the human monitor that Nomad's driver has in the task directory. */
function pauseByHumanMonitor(allocationId: string): void {
  const socket = connect(dir.file("data", "alloc", allocationId, "vm", "qm.sock"));
  let said = "";
  socket.on("data", (bytes) => {
    const first = said === "";
    said += bytes.toString();
    if (first) socket.write("stop\n");
    else if (said.split("(qemu)").length > 2) socket.end();
  });
}

function parentOf(pid: number): number {
  const line = readFileSync(`/proc/${pid}/stat`, "utf8");
  return Number(line.slice(line.lastIndexOf(")") + 2).split(" ")[1]);
}
