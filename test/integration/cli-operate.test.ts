import { expect, test } from "bun:test";
import type { MachineState } from "../../src/allocation/machine.ts";
import { AppError } from "../../src/base/errors.ts";
import { type CliApi, serveCliApi } from "../helpers/cli-api.ts";
import { event, inState, putInTurn } from "../helpers/cli-job.ts";
import { allocation, CRASHED, ended, GRACEFUL, jobRecord, RECORD_TIME, RUNNING, STOPPING } from "../helpers/records.ts";

function withMachine(machine: MachineState = RUNNING): CliApi {
  const api = serveCliApi();
  api.agent.put({ job: jobRecord(), allocation: inState(machine) });
  return api;
}

/** Puts these states one after the other once a use case was asked for, each when the one before it was seen. */
function follow(api: CliApi, method: "stopAllocation" | "restartAllocation", ...states: MachineState[]): void {
  const original = api.agent[method] as (...args: never[]) => Promise<unknown>;
  Object.assign(api.agent, {
    [method]: async (...args: never[]) => {
      const result = await original(...args);
      const [first, ...later] = states.map((state) => inState(state, [event("Restarting", "it restarts")]));
      putInTurn(api, first, ...later);
      return result;
    },
  });
}

test("alloc stop waits for the end and prints the receipt, as job stop does", async () => {
  await using api = withMachine();
  follow(api, "stopAllocation", STOPPING, ended(GRACEFUL));
  const { code, stdout, stderr } = await api.run(["alloc", "stop", "-no-shutdown-delay", "1f6a"]);
  expect(code).toBe(0);
  expect(stderr).toStartWith("==> allocation 1f6a0b1c is being stopped\n");
  expect(stdout).toContain("Stopped by = ACPI power button\n");
  expect(api.agent.stopped).toEqual([{ id: allocation().id, force: undefined, noShutdownDelay: true }]);
});

test("a stop by a signal is asked for by its name, with or without SIG, and by no other", async () => {
  await using api = withMachine();
  for (const [args, force] of [
    [["stop", "-detach", "-signal", "kill", "web"], "SIGKILL"],
    [["job", "stop", "-detach", "-signal=SIGTERM", "web"], "SIGTERM"],
  ] as const) {
    expect((await api.run(args)).code).toBe(0);
    expect(api.agent.deregistered.at(-1)?.force).toBe(force);
  }
  const refused = await api.run(["alloc", "stop", "-signal", "HUP", "1f6a"]);
  expect(refused).toMatchObject({
    code: 1,
    stderr:
      'Error: flag -signal: expected SIGTERM or SIGKILL, found "HUP"\nhint: a guest is asked with its power button: leave -signal out\n',
  });
  expect(api.agent.stopped).toEqual([]);
});

test("alloc restart shows what happens until another process runs", async () => {
  await using api = withMachine();
  if (RUNNING.kind !== "running") throw new Error("the record does not run");
  const identity = { ...RUNNING.identity, pid: 4712 };
  const waiting: MachineState = { kind: "backoff", generation: 1, ending: GRACEFUL, until: RECORD_TIME };
  follow(api, "restartAllocation", STOPPING, waiting, { ...RUNNING, identity, generation: 2 });
  const { code, stdout, stderr } = await api.run(["alloc", "restart", "1f6a", "vm"]);
  expect({ code, stdout }).toEqual({ code: 0, stdout: "" });
  expect(stderr).toMatch(/Restarting +it restarts\n/);
  expect(api.agent.told).toEqual(["restart vm"]);
  expect(await api.run(["alloc", "restart", "-detach", "1f6a"])).toEqual({ code: 0, stdout: "", stderr: "" });
  expect(api.agent.told.at(-1)).toBe("restart all");
});

test("alloc restart fails when the machine does not start again, and when the agent refuses", async () => {
  await using api = withMachine();
  follow(api, "restartAllocation", STOPPING, ended(CRASHED));
  const { code, stderr } = await api.run(["alloc", "restart", "1f6a"]);
  expect(code).toBe(1);
  expect(stderr).toContain(
    "Error: allocation 1f6a0b1c has ended\nhint: see what happened: paddock alloc status 1f6a0b1c",
  );
  api.agent.failure = new AppError("conflict", "it is being stopped");
  expect((await api.run(["alloc", "restart", "1f6a"])).stderr).toBe("Error: it is being stopped\n");
});

test("alloc signal sends Nomad's default, or what -s says, to all tasks or one", async () => {
  await using api = withMachine();
  const { code, stderr } = await api.run(["alloc", "signal", "1f6a"]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "SIGKILL was sent to allocation 1f6a0b1c\n" });
  await api.run(["alloc", "signal", "-s", "SIGTERM", "1f6a", "vm"]);
  await api.run(["alloc", "signal", "-s=SIGCONT", "-task", "vm", "1f6a"]);
  expect(api.agent.told).toEqual(["SIGKILL to all", "SIGTERM to vm", "SIGCONT to vm"]);
  expect((await api.run(["alloc", "signal", "1f6a", "db"])).stderr).toContain('has no task "db"');
});

test("a task that is named twice, and otherwise, is no task, and neither is one of all", async () => {
  await using api = withMachine();
  for (const command of ["restart", "signal"]) {
    expect(await api.run(["alloc", command, "-task", "db", "1f6a", "vm"])).toMatchObject({
      code: 1,
      stderr: 'Error: flag -task: expected "vm" as the operand says, or no flag, found "db"\n',
    });
  }
  expect(await api.run(["alloc", "restart", "-all-tasks", "1f6a", "vm"])).toMatchObject({
    code: 1,
    stderr: 'Error: flag -all-tasks: expected without a task, found "vm"\n',
  });
  expect(api.agent.told).toEqual([]);
  expect((await api.run(["alloc", "signal", "-task", "vm", "1f6a", "vm"])).code).toBe(0);
});

test("vm power says what came of it, by a job's name too, and suggests what was meant", async () => {
  await using api = withMachine();
  expect(await api.run(["vm", "power", "pause", "web"])).toEqual({ code: 0, stdout: "did pause\n", stderr: "" });
  await api.run(["vm", "power", "press", "web/vm"]);
  await api.run(["vm", "power", "reset", "1f6a", "vm"]);
  expect(api.agent.told).toEqual(["pause vm", "press vm", "reset vm"]);
  expect((await api.run(["vm", "power", "resum", "web"])).stderr).toEndWith("hint: did you mean resume?\n");
  expect((await api.run(["vm", "power", "off", "web"])).code).toBe(1);
  expect(api.agent.told).toHaveLength(3);
});
