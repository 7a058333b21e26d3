import { expect, test } from "bun:test";
import type { Allocation } from "../../src/allocation/allocation.ts";
import type { MachineState } from "../../src/allocation/machine.ts";
import type { TaskEvent } from "../../src/allocation/task-event.ts";
import { AppError } from "../../src/base/errors.ts";
import type { Job } from "../../src/job/job.ts";
import { type CliApi, serveCliApi } from "../helpers/cli-api.ts";
import { event, putInTurn, withRunningJob, writeJob } from "../helpers/cli-job.ts";
import { CRASHED, ended, evaluation, jobRecord, jobText, PLAN, RUNNING, taskRecord } from "../helpers/records.ts";
import { until } from "../helpers/until.ts";

/** An API at which what is submitted does not run at once: `next` makes the states of its allocation. */
function withScriptedStart(...states: ((placed: Allocation) => Allocation)[]): CliApi {
  const api = serveCliApi();
  const register = api.agent.registerJob;
  Object.assign(api.agent, {
    registerJob: async (...args: Parameters<typeof register>) => {
      const registered = await register(...args);
      const placed = api.agent.allocations({}).find(({ evalId }) => evalId === registered.evaluation.id);
      if (placed === undefined) throw new Error("nothing was placed");
      const [first, ...later] = states.map((become) => become(placed));
      putInTurn(api, first, ...later);
      return registered;
    },
  });
  return api;
}

const become =
  (machine: MachineState, ...events: TaskEvent[]) =>
  (placed: Allocation): Allocation => ({ ...placed, tasks: { vm: taskRecord(machine, { events }) } });

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

test("job run says of an allocation that took over the new version that it goes on", async () => {
  await using api = withRunningJob();
  Object.assign(api.agent, {
    registerJob: async (job: Job) => {
      const made = evaluation({ id: "e0000000-0000-4000-8000-00000000000e" });
      const [running] = api.agent.allocations({});
      if (running === undefined) throw new Error("nothing runs");
      api.agent.put({ evaluation: made, allocation: { ...running, jobVersion: 1, evalId: made.id } });
      return { evaluation: made, job: jobRecord({ job, version: 1 }), warnings: [], verdicts: [] };
    },
  });
  const { code, stderr } = await api.run(["job", "run", writeJob(api)], { columns: 200 });
  expect(code).toBe(0);
  expect(stderr).toContain('allocation 1f6a0b1c of group "vms" is updated in place and goes on');
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

test("job run -detach ends at once, with the evaluation", async () => {
  await using api = withScriptedStart(become({ kind: "pending" }));
  const { code, stdout } = await api.run(["run", "-detach", writeJob(api)]);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^Job registration successful\nEvaluation ID: [0-9a-f-]{36}\n$/);
});

test("job run prints the agent's warnings beside those of the file, none twice", async () => {
  await using api = serveCliApi();
  api.agent.looked = { warnings: ["the disk does not move along"], verdicts: [], uncached: [] };
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

test("Ctrl-C ends the watching of job run, not the job, and says how to stop it", async () => {
  await using api = withScriptedStart(become({ kind: "pending" }));
  const cli = api.spawn(["run", writeJob(api)]);
  await until("the job to be registered", () => api.agent.registered.length === 1);
  // The handler stands before anything is sent.
  cli.kill("SIGINT");
  const { code, stderr } = await cli.ended();
  expect({ code, told: stderr.split("\n").at(-2) }).toEqual({
    code: 130,
    told: 'job "web" goes on; look with: paddock status web; stop it with: paddock stop web',
  });
});
