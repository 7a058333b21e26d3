import type { Context, Hono } from "hono";
import type { Agent, Registered } from "../../agent/agent.ts";
import { AppError } from "../../base/errors.ts";
import {
  EvaluateRequestSchema,
  RevertRequestSchema,
  writeEvaluateReply,
  writeRegisterReply,
} from "../../contract/job-requests.ts";
import { ScaleRequestSchema, writeScaleStatus } from "../../contract/job-scale.ts";
import { parseJson } from "../../hcl/json.ts";
import type { Job } from "../../job/job.ts";
import { encodeJob } from "../../job/wire.ts";
import { assertMayRun } from "../access/job-powers.ts";
import { replyRead } from "../blocking.ts";
import type { ApiContext } from "../context.ts";
import { pathParam } from "../query.ts";
import { REQUEST, readBody } from "../validate.ts";
import { readSentJob } from "./text.ts";

/** Routes that change a job by what is known of it already: another version of it, another count. */
export function addJobChangeRoutes(app: Hono, context: ApiContext): void {
  app.on(["PUT", "POST"], "/v1/job/:id/revert", (c) => revertJob(c, context));
  app.on(["PUT", "POST"], "/v1/job/:id/evaluate", (c) => evaluateJob(c, context));
  app.get("/v1/job/:id/scale", (c) => replyRead(c, context, () => showScale(c, context)));
  app.on(["PUT", "POST"], "/v1/job/:id/scale", (c) => scaleJob(c, context));
}

async function revertJob(c: Context, { agent }: ApiContext): Promise<Response> {
  const { body } = await readBody(c, RevertRequestSchema);
  const id = pathParam(c, "id");
  if (body.JobID !== "" && body.JobID !== id) {
    throw new AppError("invalid", "JobID is not the one in the path of the request");
  }
  const current = agent.job(id);
  const { JobVersion: version, EnforcePriorVersion: prior } = body;
  if (prior !== null && prior !== current.version) {
    throw new AppError("conflict", `job "${id}" was to be at version ${prior}, but it is at ${current.version}`, {
      hint: "look at what changed it: paddock job history -p",
    });
  }
  // Of a job that was stopped it is another state.
  if (version === current.version && !current.stop) {
    throw new AppError("conflict", `job "${id}" is at version ${version} already`);
  }
  const target = findVersion(agent.jobVersions(id), version);
  assertMayRun(c, target.job);
  const options = { enforceIndex: current.jobModifyIndex };
  return reply(c, await agent.registerJob(target.job, target.submission, options), []);
}

type Versions = ReturnType<Agent["jobVersions"]>;

/** @throws AppError `not_found` for a version that never was or is not remembered. */
export function findVersion(versions: Versions, version: number): Versions[number] {
  const found = versions.find((record) => record.version === version);
  if (found !== undefined) return found;
  const known = versions.map((record) => record.version).join(", ");
  throw new AppError("not_found", `job "${versions[0]?.job.id ?? ""}" has no version ${version}`, {
    hint: `these are remembered: ${known}`,
  });
}

async function scaleJob(c: Context, { agent }: ApiContext): Promise<Response> {
  const { body } = await readBody(c, ScaleRequestSchema);
  const id = pathParam(c, "id");
  const current = agent.job(id);
  const { Count: count } = body;
  if (count === null)
    throw new AppError("unsupported", "scaling without a Count, for its message alone, is not supported");
  if (current.stop) {
    throw new AppError("conflict", `job "${id}" is stopped`, {
      hint: "run it: paddock job run, or paddock job revert",
    });
  }
  const { job, warnings } = withCount(current.job, groupOf(current.job, body.Target["Group"] ?? ""), count);
  assertMayRun(c, job);
  const index = body.EnforceIndex ? (body.JobModifyIndex ?? 0) : current.jobModifyIndex;
  return reply(c, await agent.registerJob(job, null, { enforceIndex: index }), warnings);
}

/** @throws AppError `not_found`, `invalid` when none is named and there are several. */
function groupOf({ id, groups }: Job, name: string): string {
  const names = groups.map((group) => group.name);
  const [only] = names;
  if (name === "" && only !== undefined && names.length === 1) return only;
  if (names.includes(name)) return name;
  const known = names.map((known) => JSON.stringify(known)).join(", ");
  if (name === "") throw new AppError("invalid", `job "${id}" has several groups: ${known}`, { hint: "name one" });
  throw new AppError("not_found", `job "${id}" has no group "${name}"`, { hint: `it has ${known}` });
}

/** A job with another count, by the rules of every job. @throws AppError `invalid`. */
function withCount(job: Job, name: string, count: number) {
  const groups = job.groups.map((group) => (group.name === name ? { ...group, count } : group));
  return readSentJob(parseJson(REQUEST, JSON.stringify({ Job: encodeJob({ ...job, groups }) })));
}

/** With `ForceReschedule` the job is run as it is, which gives machines to places whose last one has ended. */
async function evaluateJob(c: Context, { agent }: ApiContext): Promise<Response> {
  const { body } = await readBody(c, EvaluateRequestSchema, "{}");
  const id = pathParam(c, "id");
  if (body.JobID !== "" && body.JobID !== id) {
    throw new AppError("invalid", "JobID is not the one in the path of the request");
  }
  const force = body.EvalOptions?.ForceReschedule === true;
  if (force) assertMayRun(c, agent.job(id).job);
  const looked = await agent.evaluateJob(id);
  if (!force) return c.json(writeEvaluateReply(looked, agent.job(id)));
  const { job, submission, jobModifyIndex } = agent.job(id);
  const registered = await agent.registerJob(job, submission, { enforceIndex: jobModifyIndex });
  return c.json(writeEvaluateReply(registered.evaluation, registered.job));
}

function showScale(c: Context, { agent }: ApiContext) {
  const record = agent.job(pathParam(c, "id"));
  return writeScaleStatus(record, agent.allocations({ jobId: record.job.id }));
}

function reply(c: Context, registered: Registered, warnings: readonly string[]): Response {
  return c.json(writeRegisterReply({ ...registered, warnings: [...warnings, ...registered.warnings] }));
}
