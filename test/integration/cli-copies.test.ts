import { describe, expect, test } from "bun:test";
import type { Allocation } from "../../src/allocation/allocation.ts";
import { writeEvaluation } from "../../src/contract/evaluation.ts";
import type { Evaluation, JobRecord } from "../../src/state/records.ts";
import { type CliApi, serveCliApi } from "../helpers/cli-api.ts";
import { quiet, writeJob } from "../helpers/cli-job.ts";
import { copyOf, groupsJob } from "../helpers/copies.ts";
import { CRASHED, ended, evaluation, GRACEFUL, jobRecord, PLAN, RUNNING, taskRecord } from "../helpers/records.ts";

const uuid = (at: number): string => `${at}a${at}a0000-0000-4000-8000-000000000000`;

function copy(group: string, index: number, at: number, change: Partial<Allocation> = {}): Allocation {
  return copyOf({ group, index, id: uuid(at), createIndex: at, ports: [], ...change });
}

const over = (ending = GRACEFUL): Pick<Allocation, "tasks"> => ({ tasks: { vm: taskRecord(ended(ending)) } });

/** An API with a job of two groups, two copies of one; an earlier one of the first has ended. */
function withCopies(job = groupsJob({ a: 2, b: 1 })): CliApi {
  const api = serveCliApi();
  const all = [copy("a", 0, 1, over()), copy("a", 1, 2), copy("a", 0, 3, { jobVersion: 1 }), copy("b", 0, 4)];
  for (const version of [0, 1]) api.agent.put({ job: jobRecord({ job, version }) });
  for (const allocation of all) api.agent.put({ allocation, plan: PLAN });
  return api;
}

const LIST = "  web.a[0]  3a3a0000  running\n  web.a[1]  2a2a0000  running\n  web.b[0]  4a4a0000  running\n";
const ASKED = `Error: job "web" has 3 machines:\n${LIST}hint: say which one, as 'web.a[0]' or by the beginning of its id\n`;

describe("the name of a job with several machines", () => {
  test.each([
    [["logs", "web"]],
    [["console", "web"]],
    [["why", "web"]],
    [["explain", "web"]],
    [["vm", "power", "press", "web"]],
  ])("paddock %j asks for one of them", async (words) => {
    await using api = withCopies();
    expect(await api.run(words)).toEqual({ code: 1, stdout: "", stderr: ASKED });
    expect(api.agent.told).toEqual([]);
  });

  test.each([
    ["web.a[0]", "3a3a0000"],
    ["web.a[0]/vm", "3a3a0000"],
    ["web[1]", "2a2a0000"],
    ["web.b[0]", "4a4a0000"],
    ["2a2a", "2a2a0000"],
  ])("with more of it says which: %s", async (name, id) => {
    await using api = withCopies();
    const { stdout } = await api.run(["status", name]);
    expect(stdout).toMatch(new RegExp(`^Allocation += ${id}\\n`));
  });

  test("and one that another machine of it has is told with those that there are", async () => {
    await using api = withCopies();
    const among = "hint: it has web.a[0], web.a[1], web.b[0]\n";
    for (const name of ["web[7]", "web.c[0]", "web.a[2]"]) {
      const stderr = `Error: job "web" has no machine "${name}"\n${among}`;
      expect(await api.run(["logs", name])).toEqual({ code: 1, stdout: "", stderr });
    }
    const { stderr } = await api.run(["logs", "web[0]"]);
    expect(stderr).toStartWith('Error: job "web" has 2 machines:\n  web.a[0]');
  });

  test("stands for all of them where the job is meant, and a machine of it does not stand for the job", async () => {
    await using api = withCopies();
    const { stderr, code } = await api.run(["stop", "web.a[1]"]);
    expect([stderr, code]).toEqual([
      `Error: "web.a[1]" is a part of job "web", not a job\nhint: a machine goes with its job: paddock stop web; one alone: paddock alloc stop 'web.a[1]'\n`,
      1,
    ]);
    expect(api.agent.deregistered).toEqual([]);
    await api.run(["alloc", "stop", "-detach", "web.a[1]"]);
    expect(api.agent.stopped.map(({ id }) => id)).toEqual([uuid(2)]);
  });

  test("is that of the one that is left, and of the last where none is", async () => {
    await using api = withCopies();
    for (const [group, index, at] of [
      ["a", 1, 2],
      ["b", 0, 4],
    ] as const) {
      api.agent.put({ allocation: copy(group, index, at, over()) });
    }
    expect((await api.run(["alloc", "status", "web[0]"])).stdout).toContain("3a3a0000");
    api.agent.put({ allocation: copy("a", 0, 3, { jobVersion: 1, ...over(CRASHED) }) });
    expect((await api.run(["why", "-json", "web"])).stderr).toBe("");
  });
});

describe("what is shown of a job with several machines", () => {
  test("ps calls each by its name", async () => {
    await using api = withCopies();
    const { stdout } = await api.run(["ps"]);
    expect(stdout.split("\n").map((line) => line.split(/ +/).slice(0, 3).join(" "))).toEqual([
      "Job Task Allocation",
      "web.a[0] vm 3a3a0000",
      "web.a[1] vm 2a2a0000",
      "web.b[0] vm 4a4a0000",
      "",
    ]);
  });

  test("status counts them by group, lists them, and tells how many are of an earlier version", async () => {
    await using api = withCopies();
    const { stdout } = await api.run(["status", "web"]);
    expect(stdout).toMatch(
      /\nTask Group +Count +Queued +Starting +Running .*\na +2 +0 +0 +2 +0 +1 +0\nb +1 +0 +0 +1 +0 +0 +0\n/,
    );
    expect(stdout).toMatch(/\n3a3a0000 +web\.a\[0\] +1 +run +running .*\n2a2a0000 +web\.a\[1\] +0 +run +running /);
    expect(stdout).toContain("\n2 of them run by an earlier version until it is their turn\n");
    // One that is being stopped is about to be none of them.
    api.agent.put({ allocation: copy("a", 1, 2, { desired: "stop" }) });
    expect((await api.run(["status", "web"])).stdout).toContain("\n1 of them runs by an earlier version until it is");
    api.agent.put({ allocation: copy("a", 1, 2) });
    api.agent.put({ allocation: copy("a", 2, 5, { jobVersion: 1, ...over(CRASHED) }) });
    expect((await api.run(["status", "web"])).stdout).toContain(
      "\n2 of them run by an earlier version: a machine of the new one failed, and the job has to be run again\n",
    );
  });

  test("node status counts what each has, and of two of one copy the larger", async () => {
    await using api = withCopies(groupsJob({ a: 2, b: 1 }));
    const before = (await api.run(["node", "status"])).stdout;
    expect(before).toContain("768 MiB/8 GiB");
    api.agent.put({ allocation: copy("a", 0, 6, { jobVersion: 1, tasks: { vm: taskRecord({ kind: "pending" }) } }) });
    expect((await api.run(["node", "status"])).stdout).toContain("768 MiB/8 GiB");
  });

  test("those that wait for room are as many as lack it", async () => {
    await using api = withCopies(groupsJob({ a: 5, b: 1 }));
    const shortage = { dimension: "memory", text: "memory: 1 MiB needed, 0 of 9 MiB free", never: false };
    const failures = [{ group: "a", coalesced: 2, shortages: [shortage], filtered: [] }];
    const blocked = evaluation({ id: uuid(9), status: "blocked", failures });
    const waiting = { evalId: blocked.id, groups: ["a", "a", "a"] };
    api.agent.put({ job: jobRecord({ job: groupsJob({ a: 5, b: 1 }), version: 1, waiting }), evaluation: blocked });
    expect((await api.run(["ps"])).stdout).toMatch(/\nweb \(3 machines\) +- +- +pending +-\n/);
    const { stdout } = await api.run(["status", "web"]);
    expect(stdout).toMatch(/\na +5 +3 +0 +2 /);
    expect(stdout).toContain('\nTask Group "a" (failed to place 3 allocations):\n');
    expect(writeEvaluation(blocked, "default")).toMatchObject({
      QueuedAllocations: { a: 3 },
      FailedTGAllocs: { a: { CoalescedFailures: 2 } },
    });
  });

  test("a plan tells alike things of one group once, with their number", async () => {
    await using api = withCopies();
    const made = { group: "a", action: "create", allocationId: null, why: [], text: "a machine is made" } as const;
    const stopped = { ...made, action: "destroy", allocationId: uuid(4), text: "it is stopped" } as const;
    api.agent.planned = { ...api.agent.planned, groups: [made, made, made, { ...stopped, group: "b" }] };
    const { stdout } = await api.run(["plan", writeJob(api)]);
    expect(stdout).toContain('\nActions:\n  group "a"  3 × a machine is made\n  group "b"  it is stopped\n');
  });
});

describe("job scale", () => {
  test("asks for the group where there are several, before anything is changed", async () => {
    await using api = withCopies();
    const { stderr, code } = await api.run(["job", "scale", "web", "3"]);
    expect(stderr).toBe(
      'Error: job "web" has several groups: "a", "b"\nhint: name one: paddock job scale web a COUNT\n',
    );
    expect([code, api.agent.registered]).toEqual([1, []]);
  });

  test("changes the count of one group and leaves the others", async () => {
    await using api = withCopies();
    expect(await api.run(["job", "scale", "-detach", "web", "a", "5"])).toMatchObject(quiet);
    expect(api.agent.registered.map(({ job }) => job.groups.map(({ name, count }) => `${name} ${count}`))).toEqual([
      ["a 5", "b 1"],
    ]);
  });
});

/** What comes of every job that is sent. */
function registers({ agent }: CliApi, job: JobRecord, decided: Evaluation): void {
  Object.assign(agent, { registerJob: async () => ({ evaluation: decided, job, warnings: [], verdicts: [] }) });
}

describe("job run", () => {
  test("ends when all have come up, those that came in their turn too, with each by its name", async () => {
    await using api = serveCliApi();
    const job = groupsJob({ vms: 2 });
    const decided = evaluation({ id: uuid(9) });
    const record = jobRecord({ job, version: 1, jobModifyIndex: 30 });
    api.agent.put({ job: record, evaluation: decided });
    const first = copyOf({ group: "vms", index: 0, id: uuid(1), evalId: decided.id, ports: [] });
    const second = copyOf({ group: "vms", index: 1, id: uuid(2), evalId: decided.id, ports: [] });
    api.agent.put({ allocation: first, plan: PLAN });
    registers(api, record, decided);
    const wait = api.agent.changes.waitAbove;
    Object.assign(api.agent.changes, {
      waitAbove: (...waited: Parameters<typeof wait>) => {
        queueMicrotask(() => api.agent.put({ allocation: second, plan: PLAN }));
        return wait(...waited);
      },
    });
    const { stdout, stderr, code } = await api.run(["run", "-discard", writeJob(api)]);
    expect(stderr).toContain("==> 1 more to come, each once the one before runs and its checks succeed\n");
    expect(stdout.split("\n").filter((line) => line.startsWith("task"))).toEqual([
      'task "vm" of allocation 1a1a0000 (web.vms[0]) runs, QEMU is process 4711',
      'task "vm" of allocation 2a2a0000 (web.vms[1]) runs, QEMU is process 4711',
    ]);
    expect(code).toBe(0);
  });

  test("ends when somebody else has changed the job meanwhile: what is left is theirs", async () => {
    await using api = serveCliApi();
    const decided = evaluation({ id: uuid(9) });
    const record = jobRecord({ job: groupsJob({ vms: 2 }), version: 1, jobModifyIndex: 30 });
    api.agent.put({ job: { ...record, jobModifyIndex: 31 }, evaluation: decided });
    const first = copyOf({ group: "vms", index: 0, id: uuid(1), evalId: decided.id, ports: [] });
    api.agent.put({ allocation: first, plan: PLAN });
    registers(api, record, decided);
    const { stderr, code } = await api.run(["run", "-discard", writeJob(api)]);
    expect(stderr).not.toContain("more to come");
    expect(code).toBe(0);
  });

  test("of a job that is as it was ends when the one machine that it lacked is there", async () => {
    await using api = serveCliApi();
    const decided = evaluation({ id: uuid(9) });
    const record = jobRecord({ job: groupsJob({ vms: 2 }) });
    api.agent.put({ job: record, evaluation: decided });
    api.agent.put({ allocation: copyOf({ group: "vms", index: 0, id: uuid(1), ports: [] }), plan: PLAN });
    const made = copyOf({ group: "vms", index: 1, id: uuid(2), evalId: decided.id, ports: [] });
    api.agent.put({ allocation: made, plan: PLAN });
    registers(api, record, decided);
    const { stdout, code } = await api.run(["run", "-discard", writeJob(api)]);
    expect(stdout).toContain('task "vm" of allocation 2a2a0000 runs');
    expect(code).toBe(0);
  });

  test("tells what runs before it fails because one has failed, and does not wait for those that will not come", async () => {
    await using api = serveCliApi();
    const decided = evaluation({ id: uuid(9) });
    const record = jobRecord({ job: groupsJob({ vms: 3 }), version: 1 });
    api.agent.put({ job: record, evaluation: decided });
    const of = (index: number, change: Partial<Allocation>): Allocation =>
      copyOf({ group: "vms", index, id: uuid(index + 1), evalId: decided.id, ports: [], ...change });
    api.agent.put({ allocation: of(0, over(CRASHED)), plan: PLAN });
    api.agent.put({ allocation: of(1, { tasks: { vm: taskRecord(RUNNING) } }), plan: PLAN });
    registers(api, record, decided);
    const { stdout, stderr, code } = await api.run(["run", "-discard", writeJob(api)]);
    expect(stdout).toContain('task "vm" of allocation 2a2a0000 (web.vms[1]) runs');
    expect(stderr).toContain('Error: task "vm" of allocation 1a1a0000 (web.vms[0]) failed: QEMU was killed by SIGSEGV');
    expect(code).toBe(1);
  });
});
