import { expect, test } from "bun:test";
import { type CliApi, serveCliApi } from "../helpers/cli-api.ts";
import { quiet, writeJob } from "../helpers/cli-job.ts";
import { evaluation, jobRecord } from "../helpers/records.ts";

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
  expect(stderr).toMatch(/\nhint: ask for less.* \(client in its configuration\)\n$/);
  expect(code).toBe(2);
  const disk = [{ group: "vms", shortages: [{ ...SHORTAGE, dimension: "disk", never: true }], filtered: [] }];
  api.agent.put({ evaluation: evaluation({ failures: disk }) });
  expect((await api.run(["run", writeJob(api)])).stderr).toEndWith("; it starts once there is room on the disk\n");
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
