import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Allocation } from "../../src/allocation/allocation.ts";
import type { MachineState } from "../../src/allocation/machine.ts";
import type { TaskEvent } from "../../src/allocation/task-event.ts";
import { AppError } from "../../src/base/errors.ts";
import { formatStamp } from "../../src/cli/time.ts";
import { capacity } from "../helpers/capacity.ts";
import { runInProcess } from "../helpers/cli.ts";
import { type CliApi, serveCliApi, spawnCli } from "../helpers/cli-api.ts";
import {
  allocation,
  CRASHED,
  ended,
  evaluation,
  GRACEFUL,
  jobOf,
  jobRecord,
  jobText,
  NODE,
  PLAN,
  RECORD_TIME,
  RUNNING,
  STOPPING,
  taskRecord,
} from "../helpers/records.ts";
import { until } from "../helpers/until.ts";

const ID = allocation().id;
const quiet = { code: 0, stderr: "" };

function event(type: TaskEvent["type"], message: string, change: Partial<TaskEvent> = {}): TaskEvent {
  return { type, message, time: RECORD_TIME, details: {}, failsTask: false, ...change };
}

function inState(
  machine: MachineState,
  events: readonly TaskEvent[] = [],
  change: Partial<Allocation> = {},
): Allocation {
  return allocation({ tasks: { vm: taskRecord(machine, { events }) }, ...change });
}

/** An API with one job whose machine runs. */
function withRunningJob(): CliApi {
  const api = serveCliApi();
  api.agent.put({ job: jobRecord(), allocation: inState(RUNNING, [event("Started", "it runs")]), plan: PLAN });
  return api;
}

/** An API at which what is submitted does not run at once: `next` makes the states of its allocation. */
function withScriptedStart(...states: ((placed: Allocation) => Allocation)[]): CliApi {
  const api = serveCliApi();
  const register = api.agent.registerJob;
  Object.assign(api.agent, {
    registerJob: async (...args: Parameters<typeof register>) => {
      const registered = await register(...args);
      const placed = api.agent.allocations({}).find(({ evalId }) => evalId === registered.evaluation.id);
      if (placed === undefined) throw new Error("nothing was placed");
      const [first, ...later] = states;
      if (first !== undefined) api.agent.put({ allocation: first(placed) });
      // Each state is put once somebody waits for a change.
      const wait = api.agent.changes.waitAbove;
      Object.assign(api.agent.changes, {
        waitAbove: (...waited: Parameters<typeof wait>) => {
          const next = later.shift();
          if (next !== undefined) queueMicrotask(() => api.agent.put({ allocation: next(placed) }));
          return wait(...waited);
        },
      });
      return registered;
    },
  });
  return api;
}

const become =
  (machine: MachineState, ...events: TaskEvent[]) =>
  (placed: Allocation): Allocation => ({ ...placed, tasks: { vm: taskRecord(machine, { events }) } });

function writeJob(api: CliApi, text = jobText()): string {
  const file = join(api.dir, "web.hcl");
  writeFileSync(file, text);
  return file;
}

test("ps lists the machines that live, and with -all the others too", async () => {
  await using api = withRunningJob();
  const over = { id: "2a000000-0000-4000-8000-000000000000", jobId: "old" };
  api.agent.put({ allocation: inState(ended(CRASHED), [], over) });
  const living = await api.run(["ps"]);
  expect(living).toMatchObject(quiet);
  expect(living.stdout.split("\n")[0]).toMatch(/^Job +Task +Allocation +Status +Guest +PID +Up +Ports$/);
  expect(living.stdout).toMatch(/\nweb +vm +1f6a0b1c +running +running +4711 +- +http 25001\n$/);
  const all = await api.run(["ps", "-all", "-verbose"]);
  expect(all.stdout).toMatch(/\nold +vm +2a000000-0000-4000-8000-000000000000 +failed +- +- +- +http 25001\nweb +/);
  const json = JSON.parse((await api.run(["ps", "-json"])).stdout) as { ID: string }[];
  expect(json.map((entry) => entry.ID)).toEqual([ID]);
});

test("ps without machines and status without jobs say so beside the results", async () => {
  await using api = serveCliApi();
  expect(await api.run(["ps"])).toEqual({
    code: 0,
    stdout: "",
    stderr: "no machine runs; paddock ps -all lists those that have ended\n",
  });
  expect(await api.run(["status"])).toMatchObject({ code: 0, stdout: "" });
});

test("status shows job, allocation, guest, ports and events", async () => {
  await using api = withRunningJob();
  const { stdout, ...rest } = await api.run(["status", "web"]);
  expect(rest).toEqual(quiet);
  for (const line of [
    "ID          = web",
    "Status      = running",
    "Allocation = 1f6a0b1c",
    'Task "vm": running',
    "Guest = running",
    "PID   = 4711 (adopted: an earlier agent started it)",
    "  http  0.0.0.0:25001 → guest 80/tcp",
  ]) {
    expect(stdout.split("\n")).toContain(line);
  }
  expect(stdout).toMatch(/\n\S+ \S+ +Started +it runs\n$/);
  expect((await api.run(["status"])).stdout).toMatch(/\nweb +service +running +\d/);
});

test("status of a job that has ended shows the end's reason and the receipt", async () => {
  await using api = serveCliApi();
  api.agent.put({ job: jobRecord({ stop: true }), allocation: inState(ended(GRACEFUL)) });
  const { stdout } = await api.run(["job", "status", "web"]);
  expect(stdout).toContain("Status      = dead (stopped)\n");
  expect(stdout).toContain("Reason     = the guest powered off (guest-shutdown)\n");
  expect(stdout).toContain("  1ms     ACPI power button: accepted\n");
});

test("status shows the newest of several allocations and lists the earlier ones", async () => {
  await using api = withRunningJob();
  const earlier = { id: "2a000000-0000-4000-8000-000000000000", createTime: RECORD_TIME - 5_000 };
  api.agent.put({ allocation: inState(ended(CRASHED), [], earlier) });
  const { stdout } = await api.run(["status", "web"]);
  expect(stdout).toContain("Allocation = 1f6a0b1c\n");
  expect(stdout).not.toContain("Allocation = 2a000000");
  expect(stdout).toMatch(/Earlier allocations +Group +Status +Ended\n2a000000 +vms +failed +/);
});

test("status and alloc status print the API's JSON when asked", async () => {
  await using api = withRunningJob();
  const job = JSON.parse((await api.run(["status", "-json", "web"])).stdout);
  expect(job).toMatchObject({ Job: { ID: "web" }, Allocations: [{ ID, TaskStates: { vm: { State: "running" } } }] });
  expect(JSON.parse((await api.run(["status", "-json"])).stdout)).toMatchObject([{ ID: "web" }]);
  const one = JSON.parse((await api.run(["alloc", "status", "-json", "1f6a"])).stdout);
  expect(one).toMatchObject({ ID, Job: { ID: "web" } });
  expect(JSON.parse((await api.run(["job", "inspect", "web"])).stdout)).toMatchObject({ Job: { ID: "web" } });
});

test("what a guest or a job file says cannot command the terminal, as text and as JSON", async () => {
  await using api = serveCliApi();
  const evil = "\u001b]0;owned\u0007\u009b2J\n\u007fname";
  api.agent.put({
    job: jobRecord(),
    allocation: inState(ended({ ...CRASHED, message: evil, hint: evil }), [event("Terminated", evil)], { name: evil }),
  });
  for (const args of [
    ["status", "web"],
    ["ps", "-all"],
    ["alloc", "status", ID],
    ["status", "-json", "web"],
  ]) {
    const { stdout } = await api.run(args, { columns: 200 });
    expect(stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
  }
  expect((await api.run(["status", "web"])).stdout).toContain("\\x1b]0;owned\\x07\\x9b2J\\x0a\\x7fname");
});

test("a name is a job, job/task, an allocation's beginning, that with a task, or a job's beginning", async () => {
  await using api = withRunningJob();
  api.agent.put({
    job: jobRecord({ job: jobOf(jobText("shop/web")) }),
    allocation: inState(RUNNING, [], { id: "2a000000-0000-4000-8000-000000000000", jobId: "shop/web" }),
  });
  for (const name of ["web", "web/vm", "1f6a0b1c", "1F6A", `${ID}/vm`, "we"]) {
    expect(await api.run(["explain", name])).toMatchObject({ code: 0 });
  }
  for (const name of ["shop/web", "shop/web/vm", "shop", "shop/w"]) {
    expect((await api.run(["status", name])).stdout).toContain("shop/web");
  }
});

for (const [args, stderr] of [
  [["status", "wbe"], 'Error: no job or allocation is called "wbe"\nhint: did you mean "web"?\n'],
  [
    ["status", "xyzzy"],
    'Error: no job or allocation is called "xyzzy"\nhint: paddock status lists the jobs, paddock ps -all the machines\n',
  ],
  [["logs", "web/vn"], 'Error: allocation 1f6a0b1c has no task "vn"\nhint: did you mean "vm"?\n'],
  [["logs", "web", "database"], 'Error: allocation 1f6a0b1c has no task "database"\nhint: its tasks: vm\n'],
  [["alloc", "status", "web"], 'Error: no allocation\'s id begins with "web"\nhint: paddock ps -all lists them\n'],
  [["stop", "we"], 'Error: no job or allocation is called "we"\nhint: did you mean "web"?\n'],
  [
    ["stop", "web/vm"],
    'Error: "web/vm" is a part of job "web", not a job\nhint: a machine goes with its job: paddock stop web\n',
  ],
  [
    ["stop", "1f6a"],
    'Error: "1f6a" is a part of job "web", not a job\nhint: a machine goes with its job: paddock stop web\n',
  ],
] as const) {
  test(`paddock ${args.join(" ")} is refused, and nothing is stopped`, async () => {
    await using api = withRunningJob();
    expect(await api.run(args)).toEqual({ code: 1, stdout: "", stderr });
    expect(api.agent.deregistered).toEqual([]);
  });
}

test("a beginning that several share is refused with what it could be", async () => {
  await using api = withRunningJob();
  api.agent.put({
    job: jobRecord({ job: jobOf(jobText("weather")) }),
    allocation: inState(RUNNING, [], { id: "1f6b0000-0000-4000-8000-000000000000", jobId: "weather" }),
  });
  expect((await api.run(["status", "we"])).stderr).toBe(
    'Error: several jobs begin with "we":\n  web\n  weather\nhint: write more of the name\n',
  );
  const { stderr } = await api.run(["alloc", "status", "1f6"]);
  expect(stderr).toContain(`several allocations begin with "1f6":\n  ${ID}\n`);
});

test("a job's machine is the one that runs, although a newer one failed", async () => {
  await using api = withRunningJob();
  const newer = { id: "2a000000-0000-4000-8000-000000000000", createTime: RECORD_TIME + 5_000 };
  api.agent.put({ allocation: inState(ended(CRASHED), [], newer) });
  expect((await api.run(["logs", "web", "nope"])).stderr).toStartWith("Error: allocation 1f6a0b1c has no task");
  api.agent.put({ allocation: inState(ended(GRACEFUL)) });
  expect((await api.run(["logs", "web", "nope"])).stderr).toStartWith("Error: allocation 2a000000 has no task");
});

test("of several tasks one has to be named", async () => {
  await using api = serveCliApi();
  const tasks = { vm: taskRecord(RUNNING), db: taskRecord(RUNNING) };
  api.agent.put({ job: jobRecord(), allocation: allocation({ tasks }), plan: PLAN });
  expect((await api.run(["explain", "web"])).stderr).toBe(
    "Error: allocation 1f6a0b1c has 2 tasks: vm, db\nhint: say which one: 1f6a0b1c/vm\n",
  );
  expect((await api.run(["explain", "web", "db"])).code).toBe(0);
});

test("node status shows driver, attributes and metadata, by -self, by an id's beginning and by neither", async () => {
  await using api = serveCliApi();
  const plain = await api.run(["node", "status"]);
  expect(plain).toMatchObject(quiet);
  expect(plain.stdout).toMatch(/\nDriver qemu = healthy without KVM: a guest hung under \/dev\/kvm\n/);
  expect(plain.stdout).toMatch(/\ndriver\.qemu\.version +7\.2\.22\n|\ndriver\.qemu\.version += 7\.2\.22\n/);
  expect(plain.stdout).toEndWith("\nMeta\nrack = a1\n");
  expect(await api.run(["node", "status", "-self"])).toEqual(plain);
  expect(await api.run(["node", "status", NODE.id.slice(0, 8)])).toEqual(plain);
  expect(JSON.parse((await api.run(["node", "status", "-json"])).stdout)).toMatchObject({
    ID: NODE.id,
    Attributes: NODE.attributes,
  });
  expect(await api.run(["node", "status", "ffff"])).toMatchObject({
    code: 1,
    stderr: 'Error: no node\'s id begins with "ffff"\n',
  });
});

test("node status shows what is allocated of what is not reserved, and the networks of the host", async () => {
  await using api = serveCliApi();
  api.agent.put({
    job: jobRecord(),
    allocation: allocation({ resources: { cpu: 500, cores: 0, memory: 256, disk: 300 } }),
  });
  const over = { id: "2a000000-0000-4000-8000-000000000000", tasks: { vm: taskRecord(ended(CRASHED)) } };
  api.agent.put({ allocation: allocation(over) });
  const plain = (await api.run(["node", "status"])).stdout;
  expect(plain).toContain(
    "\nAllocated Resources\nCPU            Memory         Disk\n500/19200 MHz  256 MiB/8 GiB  300 MiB/100 GiB\n\nAttributes",
  );
  const network = { name: "lan", address: "10.0.0.7", interface: "eth1", missing: "", reservedPorts: [] };
  const { hostNetworks } = capacity();
  const reserved = { cpu: 200, cores: 0, memory: 4096, disk: 0 };
  Object.assign(api.agent, {
    node: { ...NODE, capacity: capacity({ reserved, hostNetworks: [...hostNetworks, network] }) },
  });
  const kept = (await api.run(["node", "status"])).stdout;
  expect(kept).toContain("\n500/19000 MHz  256 MiB/4 GiB  300 MiB/100 GiB\n");
  expect(kept).toContain("\nReserved for the host: 200 MHz, 4 GiB memory, 0 B disk\n");
  expect(kept).toMatch(/\nHost networks\ndefault += 0\.0\.0\.0\nlan += 10\.0\.0\.7\n/);
});

test("explain prints a word a line with where it comes from", async () => {
  await using api = withRunningJob();
  const { stdout, stderr, code } = await api.run(["explain", "web"]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "warning: -nodefconfig was dropped\n" });
  expect(stdout.split("\n").slice(0, 5)).toEqual([
    "/usr/bin/qemu-system-x86_64  the program",
    "-m                           job file: resources.memory",
    "-nodefaults                  paddock: no device but those asked for",
    "-snapshot                    job file: args[0]",
    "-display                     job file: args[1] (was -nographic)",
  ]);
  expect(stdout).toContain(`\nWorking directory: ${PLAN.cwd}\n`);
  expect(stdout).not.toContain("/secret-home");
  expect(JSON.parse((await api.run(["explain", "-json", "web"])).stdout)).toMatchObject({ Cwd: PLAN.cwd });
});

test("a word that a shell would change is quoted, and a long one stands above its origin", async () => {
  await using api = withRunningJob();
  const origin = { kind: "job", attribute: "config.args" } as const;
  api.agent.put({
    plan: {
      ...PLAN,
      argv: [
        { word: "it's $HOME", origin },
        { word: "x".repeat(60), origin },
        { word: "", origin },
      ],
    },
  });
  expect((await api.run(["explain", "web"])).stdout.split("\n").slice(0, 4)).toEqual([
    "'it'\\''s $HOME'  job file: config.args",
    "x".repeat(60),
    "                 job file: config.args",
    "''               job file: config.args",
  ]);
});

test("job run shows the events as they come and ends when the machine runs, with its ports", async () => {
  const received = event("Received", "the task is here");
  const started = event("Started", "the task runs");
  const progress = { source: "http://x/disk.img", bytes: 50, total: 100, rate: 10 };
  const fetching = (placed: Allocation): Allocation => ({
    ...placed,
    tasks: { vm: taskRecord({ kind: "preparing", generation: 1, cancelled: null }, { events: [received], progress }) },
  });
  await using api = withScriptedStart(
    become({ kind: "pending" }, received),
    fetching,
    become(RUNNING, received, started),
  );
  api.agent.put({ plan: PLAN });
  const file = writeJob(api);
  const { code, stdout, stderr } = await api.run(["job", "run", file], { columns: 200 });
  expect(code).toBe(0);
  expect(api.agent.registered).toMatchObject([
    { job: { id: "web" }, submission: { source: jobText(), format: "hcl2" } },
  ]);
  expect(stdout).toMatch(
    /^task "vm" of allocation [0-9a-f]{8} runs, QEMU is process 4711\n {2}http {2}0\.0\.0\.0:25001 → guest 80\/tcp\n$/,
  );
  expect(stderr.match(/Received +the task is here/g)).toHaveLength(1);
  expect(stderr.match(/Started +the task runs/g)).toHaveLength(1);
  expect(stderr).toContain("[##########..........]   50%  50 B of 100 B  10 B/s  5s left  http://x/disk.img");
});

test("job run ends with the event, the message and the hint of a machine that failed", async () => {
  const ending = {
    ...CRASHED,
    reason: "not-started",
    exitCode: null,
    signal: 0,
    message: "port 80 is busy",
    hint: "take another",
  } as const;
  await using api = withScriptedStart(
    become({ kind: "pending" }),
    become(ended(ending), event("Driver Failure", "port 80 is busy", { failsTask: true })),
  );
  const { code, stdout, stderr } = await api.run(["run", writeJob(api)]);
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  expect(stderr).toMatch(/Driver Failure +port 80 is busy\n/);
  expect(stderr).toMatch(/\nError: task "vm" of allocation [0-9a-f]{8} failed: port 80 is busy\nhint: take another\n$/);
});

test("job run of what runs already says so and shows nothing of the past", async () => {
  await using api = withRunningJob();
  const decided = evaluation({ id: "e1000000-0000-4000-8000-000000000000" });
  api.agent.put({ evaluation: decided });
  Object.assign(api.agent, {
    registerJob: async () => ({
      evaluation: decided,
      job: api.agent.job("web"),
      warnings: [],
      verdicts: [],
    }),
  });
  const { code, stdout, stderr } = await api.run(["run", writeJob(api)]);
  expect(code).toBe(0);
  expect(stdout).toStartWith('task "vm" of allocation 1f6a0b1c runs');
  expect(stderr).toContain('allocation 1f6a0b1c of group "vms" is what was asked for and goes on');
  expect(stderr).not.toContain("it runs");
});

const SHORTAGE = {
  dimension: "memory",
  text: "memory: 2048 MiB needed, 1024 of 4096 MiB free",
  never: false,
} as const;

/** An API whose job "web" waits for room. */
function withWaitingJob(): CliApi {
  const api = serveCliApi();
  const failures = [{ group: "vms", shortages: [SHORTAGE], filtered: ['group "vms": no such thing'] }];
  const blocked = evaluation({ id: "b1000000-0000-4000-8000-000000000000", status: "blocked", failures });
  const decided = evaluation({ failures, blockedEval: blocked.id });
  const waiting = jobRecord({ waiting: { evalId: blocked.id, groups: ["vms"] } });
  api.agent.put({ job: waiting, evaluation: decided });
  api.agent.put({ evaluation: blocked });
  Object.assign(api.agent, {
    registerJob: async () => ({ evaluation: decided, job: waiting, warnings: [], verdicts: [] }),
  });
  return api;
}

const FAILURE = `Task Group "vms" (failed to place 1 allocation):
  * group "vms": no such thing
  * Resources exhausted on 1 nodes
  * Dimension "memory" exhausted on 1 nodes
  * memory: 2048 MiB needed, 1024 of 4096 MiB free
`;

test("job run of a job for which there is no room ends with the reasons, the evaluation and 2", async () => {
  await using api = withWaitingJob();
  const { code, stdout, stderr } = await api.run(["run", writeJob(api)]);
  expect(stdout).toBe(
    `no room for all allocations now:\n${FAILURE}Evaluation "b1000000" waiting for additional capacity to place remainder\n`,
  );
  expect(stderr).toEndWith("\nhint: it starts when there is room; look with: paddock status web\n");
  expect(code).toBe(2);
});

test("job run of a job that will never fit says what to do instead of waiting", async () => {
  await using api = withWaitingJob();
  const failures = [{ group: "vms", shortages: [{ ...SHORTAGE, never: true }], filtered: [] }];
  api.agent.put({ evaluation: evaluation({ failures }) });
  const { stderr, code } = await api.run(["run", writeJob(api)]);
  expect(stderr).toContain("\nhint: ask for less");
  expect(code).toBe(2);
});

test("ps and status show a job that waits as pending, with the reasons", async () => {
  await using api = withWaitingJob();
  const ps = await api.run(["ps"]);
  expect(ps).toMatchObject(quiet);
  expect(ps.stdout).toMatch(/\nweb +- +- +pending +-\n\nWaits for room +Reason\nweb +memory: 2048 MiB needed, 1024 of/);
  const status = await api.run(["status", "web"]);
  expect(status.stdout).toMatch(/\nStatus +=? *pending\n/);
  expect(status.stdout).toContain(`\nPlacement Failure\n${FAILURE}Evaluation b1000000 waits for room\n`);
  expect((await api.run(["status"])).stdout).toMatch(/\nweb +service +pending /);
});

test("a reason cannot command the terminal", async () => {
  await using api = withWaitingJob();
  const failures = [{ group: "v\u001b[2Jms", shortages: [{ ...SHORTAGE, text: "a\u001b[2J\nb" }], filtered: [] }];
  api.agent.put({
    evaluation: evaluation({ id: "b1000000-0000-4000-8000-000000000000", status: "blocked", failures }),
  });
  for (const words of [["ps"], ["status", "web"]]) expect((await api.run(words)).stdout).not.toContain("\u001b");
});

test("job run -detach ends at once, with the evaluation", async () => {
  await using api = withScriptedStart(become({ kind: "pending" }));
  const { code, stdout } = await api.run(["run", "-detach", writeJob(api)]);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^Job registration successful\nEvaluation ID: [0-9a-f-]{36}\n$/);
});

test("job run prints the agent's warnings beside those of the file, none twice", async () => {
  await using api = serveCliApi();
  api.agent.looked = { warnings: ["the disk does not move along"], verdicts: [] };
  const file = writeJob(api, jobText().replace('driver = "qemu"', 'driver = "qemu"\n      kill_signal = "SIGINT"'));
  const { stderr } = await api.run(["run", "-detach", file]);
  expect(stderr).toContain(`${file}:10:21: warning: `);
  expect(stderr.match(/kill_signal has no effect/g)).toHaveLength(1);
  expect(stderr).toEndWith("warning: the disk does not move along\n");
});

test("job run of a file with errors, or of a job that is refused, registers nothing and says why", async () => {
  await using api = serveCliApi();
  const bad = await api.run(["run", writeJob(api, jobText().replace("driver", "drivr"))]);
  expect(bad.code).toBe(1);
  expect(bad.stderr).toContain('did you mean "driver"?');
  api.agent.failure = new AppError("unplaceable", 'job "web" does not fit this node:\n  cpu: found "1"', {
    hint: "look",
  });
  expect(await api.run(["run", writeJob(api)])).toEqual({
    code: 1,
    stdout: "",
    stderr: 'Error: job "web" does not fit this node:\n  cpu: found "1"\nhint: look\n',
  });
  expect(api.agent.registered).toEqual([]);
});

test("stop waits until the machine is gone and prints the receipt", async () => {
  await using api = withRunningJob();
  const deregister = api.agent.deregisterJob;
  Object.assign(api.agent, {
    deregisterJob: async (...args: Parameters<typeof deregister>) => {
      const evaluation = await deregister(...args);
      api.agent.put({
        allocation: inState(STOPPING, [event("Started", "it runs"), event("Killing", "pressing the button")]),
      });
      setTimeout(() => api.agent.put({ allocation: inState(ended(GRACEFUL)) }), 50);
      return evaluation;
    },
  });
  const { code, stdout, stderr } = await api.run(["stop", "-purge", "web"]);
  expect(code).toBe(0);
  expect(api.agent.deregistered).toEqual([{ id: "web", purge: true, force: undefined, noShutdownDelay: false }]);
  expect(stderr).toMatch(/Killing +pressing the button\n/);
  expect(stderr).not.toContain("it runs");
  expect(stdout).toStartWith('task "vm" of allocation 1f6a0b1c has ended\n');
  expect(stdout).toContain("Stopped by = ACPI power button\n");
  expect(stdout).toEndWith("  1250ms  the machine was gone\n");
});

test("stop of a job without a machine, and stop -detach, do not wait", async () => {
  await using api = serveCliApi();
  api.agent.put({ job: jobRecord(), allocation: inState(ended(GRACEFUL)) });
  const { code, stdout, stderr } = await api.run(["stop", "web"]);
  expect({ code, stdout }).toEqual({ code: 0, stdout: "" });
  expect(stderr).toEndWith("no machine of it was running\n");
  api.agent.put({ allocation: inState(RUNNING) });
  const detached = await api.run(["job", "stop", "-yes", "-detach", "web"]);
  expect(detached).toMatchObject({ code: 0, stderr: "" });
  expect(detached.stdout).toMatch(/^[0-9a-f-]{36}\n$/);
});

/** A log of so many lines, of which only what is asked for is sent. */
function withLog(api: CliApi, bytes: Uint8Array): void {
  Object.assign(api.agent, {
    readLog: async function* (_id: string, _task: string, { origin, offset }: { origin: string; offset: number }) {
      const start = origin === "end" ? Math.max(0, bytes.length - offset) : offset;
      for (let at = start; at < bytes.length; at += 50_000) {
        yield {
          file: "alloc/logs/vm.stdout.0",
          offset: at,
          data: bytes.subarray(at, Math.min(at + 50_000, bytes.length)),
        };
      }
    },
  });
}

const LINES = Array.from({ length: 20_000 }, (_, at) => `line ${at}\n`);

for (const [args, wanted] of [
  [[], LINES],
  [["-tail"], LINES.slice(-10)],
  [["-n", "3"], LINES.slice(-3)],
  [["-tail", "-n=1"], LINES.slice(-1)],
  [["-n", "0"], []],
  [["-n", "15000"], LINES.slice(-15_000)],
  [["-n", "99999"], LINES],
] as const) {
  test(`logs ${args.join(" ") || "without flags"} prints ${wanted.length} lines`, async () => {
    await using api = withRunningJob();
    withLog(api, Buffer.from(LINES.join("")));
    expect(await api.run(["logs", ...args, "web"])).toEqual({ ...quiet, stdout: wanted.join("") });
  });
}

test("logs -f -n goes on behind the last lines, and leaves none out and repeats none", async () => {
  await using api = withRunningJob();
  withLog(api, Buffer.from(LINES.join("")));
  expect((await api.run(["logs", "-f", "-n", "2", "web"])).stdout).toBe(LINES.slice(-2).join(""));
});

test("logs -f -n goes on in the file and at the byte where the last lines ended, whatever is rotated meanwhile", async () => {
  await using api = withRunningJob();
  const asked: unknown[] = [];
  Object.assign(api.agent, {
    readLog: async function* (_id: string, _task: string, { signal: _signal, ...query }: { signal: AbortSignal }) {
      asked.push(query);
      if (asked.length > 1) return;
      yield { file: "alloc/logs/vm.stdout.6", offset: 96, data: Buffer.from("one\n") };
      yield { file: "alloc/logs/vm.stdout.7", offset: 0, data: Buffer.from("two\n") };
    },
  });
  expect((await api.run(["logs", "-f", "-n", "1", "web"])).stdout).toBe("two\n");
  expect(asked[1]).toMatchObject({ follow: true, origin: "start", file: "alloc/logs/vm.stdout.7", offset: 4 });
});

/** A log in two pieces, the second of which begins in the middle of a line. */
function withTimedLog(api: CliApi): Record<string, unknown>[] {
  const asked: Record<string, unknown>[] = [];
  const [first, second] = [Date.parse("2026-03-01T14:05:09Z"), Date.parse("2026-03-01T14:05:12Z")];
  Object.assign(api.agent, {
    readLog: async function* (_id: string, _task: string, { signal: _signal, ...query }: { signal: AbortSignal }) {
      asked.push(query);
      const file = "alloc/logs/vm.stdout.0";
      yield { file, offset: 0, data: Buffer.from("one\ntw"), time: first, inferred: true };
      yield { file, offset: 6, data: Buffer.from("o\n\u001b[1mthree\r\n"), time: second, inferred: false };
    },
  });
  return asked;
}

test("logs -timestamps says when each line began to be written, and marks what is inferred", async () => {
  await using api = withRunningJob();
  withTimedLog(api);
  const [first, second] = ["2026-03-01T14:05:09Z", "2026-03-01T14:05:12Z"].map((at) =>
    formatStamp(Date.parse(at) * 1e6),
  );
  const piped = await api.run(["logs", "-timestamps", "web"]);
  expect(piped).toEqual({ ...quiet, stdout: `~${first} one\n~${first} two\n${second} \u001b[1mthree\r\n` });
  const seen = await api.run(["logs", "-timestamps", "-n", "2", "web"], { columns: 80 });
  expect(seen.stdout).toBe(`~${first} two\n${second} three\n`);
});

test("logs -since and -until ask for a time, and it is said when nobody kept when the log was written", async () => {
  await using api = withRunningJob();
  const asked = withTimedLog(api);
  api.agent.logTimes = false;
  const before = Date.now();
  const result = await api.run(["logs", "-since", "10m", "-until", "2026-03-01T14:05:09Z", "web"]);
  expect(result.stderr).toBe("==> when this log was written was not kept; its times are those of its files\n");
  expect(asked[0]).toMatchObject({ until: Date.parse("2026-03-01T14:05:09Z"), timestamps: false });
  expect(Math.abs(Number(asked[0]?.["since"]) - (before - 600_000))).toBeLessThan(5_000);
});

for (const [args, message] of [
  [["-since", "yesterday"], 'flag -since: expected a time, found "yesterday"'],
  [["-since", "1h", "-n", "3"], "flags -n and -tail: expected alone, without -since and -until"],
  [["-f", "-until", "14:05"], "flag -until: expected without -f, which follows what is written from now on"],
] as const) {
  test(`logs ${args.join(" ")} is refused before anybody is asked`, async () => {
    const { code, stderr } = await runInProcess(["logs", ...args, "web"]);
    expect(code).toBe(1);
    expect(stderr).toStartWith(`Error: ${message}\n`);
  });
}

test("logs says so where the job has disabled them", async () => {
  await using api = withRunningJob();
  api.agent.put({ plan: { ...PLAN, serial: { ours: true, disabled: true } } });
  const { stderr } = await api.run(["logs", "web"]);
  expect(stderr).toBe("==> the job has logs { disabled = true }: this log has only what QEMU itself prints\n");
});

test("an empty line is a line, also the first of all", async () => {
  await using api = withRunningJob();
  withLog(api, Buffer.from("\n\none\n\n\n"));
  expect((await api.run(["logs", "-n", "3", "web"])).stdout).toBe("one\n\n\n");
  expect((await api.run(["logs", "-n", "5", "web"])).stdout).toBe("\n\none\n\n\n");
  expect((await api.run(["logs", "-n", "9", "web"])).stdout).toBe("\n\none\n\n\n");
});

test("the last line counts also without a line end", async () => {
  await using api = withRunningJob();
  withLog(api, Buffer.from("one\ntwo\nlogin: "));
  expect((await api.run(["logs", "-n", "2", "web"])).stdout).toBe("two\nlogin: ");
});

test("logs passes bytes into a pipe as they are, and makes them harmless on a terminal", async () => {
  await using api = withRunningJob();
  api.agent.log.append(Buffer.from("\u001b]0;x\u0007\r\n\u001b[31mred\r\n"));
  expect((await api.run(["logs", "web"])).stdout).toBe("\u001b]0;x\u0007\r\n\u001b[31mred\r\n");
  expect((await api.run(["alloc", "logs", "1f6a"], { columns: 80 })).stdout).toBe("\\x1b]0;x\\x07\nred\n");
  expect(api.agent.log.asked.map(({ type }) => type)).toEqual(["stdout", "stdout"]);
  await api.run(["logs", "-stderr", "web"]);
  expect(api.agent.log.asked.at(-1)).toMatchObject({ type: "stderr", follow: false });
});

test("logs -f goes on until the machine has ended, and says how", async () => {
  await using api = withRunningJob();
  api.agent.log.append("one\n");
  const running = api.run(["logs", "-f", "web"]);
  await until("somebody to follow the log", () => api.agent.log.readers === 1);
  api.agent.log.append("two\n");
  api.agent.put({ allocation: inState(ended(GRACEFUL)) });
  api.agent.log.end();
  expect(await running).toEqual({
    code: 0,
    stdout: "one\ntwo\n",
    stderr: "==> the machine has ended: the guest powered off\n",
  });
});

test("Ctrl-C ends a followed log quietly with 130", async () => {
  await using api = withRunningJob();
  api.agent.log.append("one\n");
  const cli = api.spawn(["logs", "-f", "web"]);
  const reader = cli.stdout.getReader();
  expect(Buffer.from((await reader.read()).value ?? []).toString()).toBe("one\n");
  cli.kill("SIGINT");
  expect(await cli.ended()).toEqual({ code: 130, stderr: "" });
  await until("the log to be let go", () => api.agent.log.readers === 0);
});

test("a reader that has enough ends a followed log quietly", async () => {
  await using api = withRunningJob();
  const cli = api.spawn(["logs", "-f", "web"]);
  await until("somebody to follow the log", () => api.agent.log.readers === 1);
  await cli.stdout.cancel();
  const feeding = setInterval(() => api.agent.log.append("more\n"), 10);
  try {
    expect(await cli.ended()).toEqual({ code: 0, stderr: "" });
  } finally {
    clearInterval(feeding);
  }
});

test("Ctrl-C ends the watching of job run, not the job, and says how to stop it", async () => {
  await using api = withScriptedStart(become({ kind: "pending" }));
  const cli = api.spawn(["run", writeJob(api)]);
  await until("the job to be registered", () => api.agent.registered.length === 1);
  // The handler stands before anything is sent.
  cli.kill("SIGINT");
  const { code, stderr } = await cli.ended();
  expect({ code, told: stderr.split("\n").at(-2) }).toEqual({
    code: 130,
    told: 'job "web" goes on; stop it with: paddock stop web',
  });
});

test("without an agent the message names the sockets and how to start one", async () => {
  await using api = serveCliApi();
  const cli = spawnCli(["ps"], { PADDOCK_ADDR: "", NOMAD_ADDR: "", XDG_RUNTIME_DIR: api.dir });
  const { code, stderr } = await cli.ended();
  expect(code).toBe(1);
  expect(stderr).toStartWith("Error: no agent answers; tried:\n  ");
  expect(stderr).toContain("/run/paddock/api.sock: ");
  expect(stderr).toContain("\nhint: start one with: paddock agent");
  expect(await api.run(["ps", "-address", "/nonexistent/api.sock"])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("no agent answers at unix:///nonexistent/api.sock: no such socket"),
  });
});
