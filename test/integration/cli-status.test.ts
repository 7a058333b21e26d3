import { expect, spyOn, test } from "bun:test";
import { AppError } from "../../src/base/errors.ts";
import { serveCliApi } from "../helpers/cli-api.ts";
import { event, inState, quiet, withRunningJob } from "../helpers/cli-job.ts";
import { allocation, CRASHED, ended, GRACEFUL, jobRecord, RECORD_TIME } from "../helpers/records.ts";
import { turn } from "../helpers/turn.ts";
import { until } from "../helpers/until.ts";

const ID = allocation().id;

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
});

test("ps -json has the same machines, as the API tells them, and asks for them once", async () => {
  await using api = withRunningJob();
  const over = "2a000000-0000-4000-8000-000000000000";
  api.agent.put({ allocation: inState(ended(CRASHED), [], { id: over }) });
  const { allocationIds } = api.agent;
  let asked = 0;
  api.agent.allocationIds = (filter) => {
    asked++;
    return allocationIds(filter);
  };
  const idsOf = async (args: readonly string[]): Promise<string[]> => {
    const listed = JSON.parse((await api.run(["ps", "-json", ...args])).stdout) as { ID: string; Namespace: string }[];
    expect(listed[0]?.Namespace).toBe("default");
    return listed.map((entry) => entry.ID);
  };
  expect(await idsOf([])).toEqual([ID]);
  expect(asked).toBe(1);
  expect(await idsOf(["-all"])).toEqual([ID, over]);
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

test("of two questions that both fail one is told, and the other disturbs nobody", async () => {
  await using api = withRunningJob();
  const original = api.agent.allocationIds;
  Object.assign(api.agent, {
    job: () => {
      throw new AppError("unavailable", "the store takes nothing");
    },
    allocationIds: (filter: { readonly jobId?: string }) => {
      if (filter.jobId === undefined) return original(filter);
      throw new AppError("unavailable", "the store takes nothing");
    },
  });
  const [asked, read] = [spyOn(globalThis, "fetch"), spyOn(Response.prototype, "text")];
  try {
    expect(await api.run(["status", "-json", "web"])).toMatchObject({
      code: 1,
      stderr: "Error: the store takes nothing\n",
    });
    await until("every reply to be read", () => read.mock.calls.length === asked.mock.calls.length);
    await Promise.all(read.mock.results.map(({ value }) => value));
    // By the next turn whoever read the other's failure has thrown it, and a rejection that nobody takes has failed this test.
    await turn();
  } finally {
    asked.mockRestore();
    read.mockRestore();
  }
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
