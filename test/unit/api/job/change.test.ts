import { expect, test } from "bun:test";
import { EvaluateReplySchema, RegisterReplySchema } from "../../../../src/contract/job-requests.ts";
import { ScaleStatusSchema } from "../../../../src/contract/job-scale.ts";
import { parseReply, refusalOf, type TestApi, testApi } from "../../../helpers/api.ts";
import { allocation, jobOf, jobRecord, jobText, RUNNING, taskRecord } from "../../../helpers/records.ts";

const FORMER = jobOf(jobText("web", 'shutdown_delay = "1s"'));
const submission = { source: jobText(), format: "hcl2" } as const;

/** A job in its versions 3 and 4; its last change is 11. */
function withVersions(change: Parameters<typeof jobRecord>[0] = {}): TestApi {
  const api = testApi();
  api.agent.put({ job: jobRecord({ version: 3, job: FORMER, submission }) });
  api.agent.put({ job: jobRecord({ version: 4, submission, ...change }) });
  return api;
}

test("a revert registers the job of an earlier version, only if nobody has changed it meanwhile", async () => {
  const { agent, write } = withVersions();
  const body = { JobID: "web", JobVersion: 3, EnforcePriorVersion: 4, VaultToken: "x" };
  const reply = await write(RegisterReplySchema, "PUT", "/v1/job/web/revert", body);
  expect(reply.Paddock.JobID).toBe("web");
  expect(agent.registered).toMatchObject([{ job: FORMER, enforceIndex: 11 }]);
});

test.each([
  [{ JobVersion: 3, EnforcePriorVersion: 2 }, 409, 'job "web" was to be at version 2, but it is at 4'],
  [{ JobVersion: 4 }, 409, 'job "web" is at version 4 already'],
  [{ JobVersion: 9 }, 404, 'job "web" has no version 9'],
  [{ JobID: "other", JobVersion: 3 }, 400, "JobID is not the one in the path of the request"],
  [{}, 400, "<request>: JobVersion is missing"],
])("a revert by %j is refused", async (body, status, line) => {
  const { agent, send } = withVersions();
  const refusal = await refusalOf(await send("PUT", "/v1/job/web/revert", body));
  expect([refusal.status, refusal.lines[0]]).toEqual([status, line]);
  expect(agent.registered).toEqual([]);
  expect((await send("PUT", "/v1/job/none/revert", { JobVersion: 1 })).status).toBe(404);
});

test("the last version of a job that was stopped is another state of it", async () => {
  const { agent, write } = withVersions({ stop: true });
  await write(RegisterReplySchema, "POST", "/v1/job/web/revert", { JobVersion: 4 });
  expect(agent.registered).toHaveLength(1);
});

test("scaling registers the job with another count, by the rules of every job", async () => {
  const { agent, write, send } = withVersions();
  await write(RegisterReplySchema, "PUT", "/v1/job/web/scale", { Count: 0, Target: { Group: "vms", Job: "web" } });
  expect(agent.registered).toMatchObject([{ job: { groups: [{ count: 0 }] }, submission: null, enforceIndex: 11 }]);
  agent.registered.length = 0;
  for (const [body, status, text] of [
    [{ Count: -1 }, 400, "Count"],
    [{ Target: { Group: "vms" }, Message: "for nothing" }, 400, "without a Count"],
    [{ Count: 1, Target: { Group: "vmz" } }, 404, 'no group "vmz"'],
  ] as const) {
    const refusal = await refusalOf(await send("PUT", "/v1/job/web/scale", body));
    expect([refusal.status, refusal.lines[0]]).toEqual([status, expect.stringContaining(text)]);
  }
  expect(agent.registered).toEqual([]);
});

test("scaling a job that was stopped is refused, and an index is heeded", async () => {
  const stopped = withVersions({ stop: true });
  expect((await stopped.send("PUT", "/v1/job/web/scale", { Count: 1 })).status).toBe(409);
  const { agent, write } = withVersions();
  await write(RegisterReplySchema, "PUT", "/v1/job/web/scale", { Count: 1, EnforceIndex: true, JobModifyIndex: 7 });
  expect(agent.registered).toMatchObject([{ enforceIndex: 7 }]);
});

test("how a job is scaled is told by group", async () => {
  const { agent, read } = withVersions();
  agent.put({ allocation: allocation({ tasks: { vm: taskRecord(RUNNING) } }) });
  expect(await read(ScaleStatusSchema, "/v1/job/web/scale")).toEqual({
    JobID: "web",
    Namespace: "default",
    JobCreateIndex: 10,
    JobModifyIndex: 12,
    JobStopped: false,
    TaskGroups: { vms: { Desired: 1, Placed: 1, Running: 1, Healthy: 0, Unhealthy: 0, Events: null } },
  });
});

const EVALUATE = "/v1/job/web/evaluate";

test("a job is looked at again, with a body and without, and run again when that is asked for", async () => {
  const { agent, send, write } = testApi();
  agent.put({ job: jobRecord() });
  const looked = await parseReply(EvaluateReplySchema, await send("PUT", EVALUATE));
  expect(agent.evaluation(looked.EvalID)).toMatchObject({ jobId: "web", createIndex: looked.EvalCreateIndex });
  await write(EvaluateReplySchema, "POST", EVALUATE, { JobID: "web", EvalOptions: {} });
  expect([agent.told, agent.registered]).toEqual([["evaluate web", "evaluate web"], []]);
  const { jobModifyIndex } = agent.job("web");
  await write(EvaluateReplySchema, "PUT", EVALUATE, { JobID: "web", EvalOptions: { ForceReschedule: true } });
  expect(agent.registered).toMatchObject([{ job: { id: "web" }, enforceIndex: jobModifyIndex }]);
  expect((await send("PUT", "/v1/job/db/evaluate")).status).toBe(404);
  const other = await refusalOf(await send("PUT", EVALUATE, { JobID: "db" }));
  expect([other.status, other.lines[0]]).toEqual([400, "JobID is not the one in the path of the request"]);
});
