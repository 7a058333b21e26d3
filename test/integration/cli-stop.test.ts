import { expect, test } from "bun:test";
import { serveCliApi } from "../helpers/cli-api.ts";
import { event, inState, putInTurn, withRunningJob } from "../helpers/cli-job.ts";
import { ended, GRACEFUL, jobRecord, RUNNING, STOPPING } from "../helpers/records.ts";

test("stop waits until the machine is gone and prints the receipt", async () => {
  await using api = withRunningJob();
  const deregister = api.agent.deregisterJob;
  Object.assign(api.agent, {
    deregisterJob: async (...args: Parameters<typeof deregister>) => {
      const evaluation = await deregister(...args);
      const pressing = [event("Started", "it runs"), event("Killing", "pressing the button")];
      putInTurn(api, inState(STOPPING, pressing), inState(ended(GRACEFUL)));
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

test("stop -purge says what becomes of disks, and -discard goes with it alone", async () => {
  await using api = serveCliApi();
  api.agent.put({ job: jobRecord(), allocation: inState(ended(GRACEFUL)) });
  api.agent.keptDisks = ["the disk of vm is kept", "and so is another"];
  const purged = await api.run(["stop", "-purge", "-discard", "web"]);
  expect(purged.code).toBe(0);
  expect(purged.stderr).toStartWith("note: the disk of vm is kept\nnote: and so is another\n");
  expect(api.agent.deregistered).toMatchObject([{ id: "web", purge: true, discard: true }]);
  expect(await api.run(["stop", "-discard", "web"])).toEqual({
    code: 1,
    stdout: "",
    stderr: "Error: flag -discard: expected -purge beside it\nhint: a job that is only stopped keeps its disk\n",
  });
});
