import { expect, test } from "bun:test";
import { serveCliApi } from "../helpers/cli-api.ts";
import { inState, withRunningJob } from "../helpers/cli-job.ts";
import {
  allocation,
  CRASHED,
  ended,
  GRACEFUL,
  jobOf,
  jobRecord,
  jobText,
  PLAN,
  RECORD_TIME,
  RUNNING,
  taskRecord,
} from "../helpers/records.ts";

const ID = allocation().id;

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

for (const [jobId, command] of [
  ["$(reboot)", "paddock stop '$(reboot)'"],
  ["-purge", "paddock stop -- -purge"],
] as const) {
  test(`a command that is told to be copied has the job's id ${jobId} as a shell and this program take it`, async () => {
    await using api = withRunningJob();
    api.agent.put({
      job: jobRecord({ job: jobOf(jobText(jobId)) }),
      allocation: inState(RUNNING, [], { id: "2a000000-0000-4000-8000-000000000000", jobId }),
    });
    expect((await api.run(["stop", "2a00"])).stderr).toEndWith(`: ${command}\n`);
    expect((await api.run(["status", "--", jobId])).stdout).toContain(jobId);
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
  const asked = (names: string): string =>
    `Error: allocation 1f6a0b1c has 2 tasks: vm, db\nhint: say which one: ${names}\n`;
  for (const command of [["explain"], ["logs"], ["console"], ["why"], ["vm", "power", "press"]]) {
    const { code, stdout, stderr } = await api.run([...command, "we"]);
    expect({ command, code, stdout, stderr }).toEqual({
      command,
      code: 1,
      stdout: "",
      stderr: asked("web/vm, web/db"),
    });
  }
  expect((await api.run(["explain", "web.vms[0]"])).stderr).toBe(asked("'web.vms[0]/vm', 'web.vms[0]/db'"));
  expect((await api.run(["alloc", "logs", "1f6a"])).stderr).toBe(asked("1f6a0b1c vm, 1f6a0b1c db"));
  for (const words of [["web", "db"], ["web/db"], ["web.vms[0]/db"], ["1f6a/db"]]) {
    expect({ words, code: (await api.run(["explain", ...words])).code }).toEqual({ words, code: 0 });
  }
  expect((await api.run(["explain", "web/bd"])).stderr).toContain('did you mean "db"?');
});
