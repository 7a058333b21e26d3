import type { Context, Hono } from "hono";
import { AppError } from "../../base/errors.ts";
import { writeEvaluation } from "../../contract/evaluation.ts";
import {
  writeJob,
  writeJobStub,
  writeJobSummary,
  writeJobVersions,
  writeSubmission,
} from "../../contract/job-record.ts";
import {
  ParseRequestSchema,
  RegisterRequestSchema,
  ValidateRequestSchema,
  writeDeregisterReply,
  writeRegisterReply,
  writeValidateReply,
} from "../../contract/job-requests.ts";
import { encodeJob } from "../../job/wire.ts";
import { noteAbout } from "../access/audit.ts";
import { assertRole, besideOf } from "../access/caller.ts";
import { assertMayRun } from "../access/job-powers.ts";
import { writeStubs } from "../allocations.ts";
import { replyRead } from "../blocking.ts";
import type { ApiContext } from "../context.ts";
import { Listing } from "../list/listing.ts";
import { countParam, flagParam, pathParam } from "../query.ts";
import { REQUEST, readBody } from "../validate.ts";
import { findVersion } from "./change.ts";
import { assertSameId, diffRecords } from "./plan.ts";
import { stopOptions } from "./stop-options.ts";
import { examineSentJob, readJobFile, readSentJob } from "./text.ts";

/** Routes below `/v1/jobs`, `/v1/job/:id` and `/v1/validate`. */
export function addJobRoutes(app: Hono, context: ApiContext): void {
  app.get("/v1/jobs", (c) => replyRead(c, context, () => listJobs(c, context)));
  app.on(["PUT", "POST"], "/v1/jobs", (c) => registerJob(c, context));
  app.on(["PUT", "POST"], "/v1/jobs/parse", (c) => parseJob(c));
  app.on(["PUT", "POST"], "/v1/validate/job", (c) => validateJob(c, context));
  app.get("/v1/job/:id", (c) => replyRead(c, context, () => showJob(c, context)));
  app.on(["PUT", "POST"], "/v1/job/:id", (c) => registerJob(c, context));
  app.delete("/v1/job/:id", (c) => deregisterJob(c, context));
  app.get("/v1/job/:id/summary", (c) => replyRead(c, context, () => showSummary(c, context)));
  app.get("/v1/job/:id/allocations", (c) => replyRead(c, context, () => listJobAllocations(c, context)));
  app.get("/v1/job/:id/evaluations", (c) => replyRead(c, context, () => listJobEvaluations(c, context)));
  app.get("/v1/job/:id/deployment", (c) => replyRead(c, context, () => null));
  app.get("/v1/job/:id/versions", (c) => replyRead(c, context, () => listVersions(c, context)));
  app.get("/v1/job/:id/submission", (c) => replyRead(c, context, () => showSubmission(c, context)));
}

function listJobs(c: Context, { agent }: ApiContext) {
  const meta = flagParam(c, "meta");
  const byJob = Map.groupBy(agent.allocations({}), ({ jobId }) => jobId);
  const listed = agent.jobs(c.req.query("prefix") ?? "").map((record) => {
    const own = byJob.get(record.job.id) ?? [];
    return { record, own, stub: writeJobStub(record, own, meta) };
  });
  return new Listing(listed, {
    keyOf: ({ record }) => ({ id: record.job.id, createIndex: record.createIndex }),
    // In Nomad a filter looks at the whole job.
    thingOf: ({ record, own, stub }) => ({ ...writeJob(record, own, encodeJob(record.job)), ...stub }),
    write: (some) => some.map(({ stub }) => stub),
  });
}

function showJob(c: Context, { agent }: ApiContext) {
  const record = agent.job(pathParam(c, "id"));
  return writeJob(record, agent.allocations({ jobId: record.job.id }), encodeJob(record.job));
}

function showSummary(c: Context, { agent }: ApiContext) {
  const record = agent.job(pathParam(c, "id"));
  return writeJobSummary(record, agent.allocations({ jobId: record.job.id }));
}

/** Of a job that is not known, Nomad has an empty list. */
function listJobAllocations(c: Context, context: ApiContext) {
  return writeStubs(c, context, { jobId: pathParam(c, "id") });
}

function listJobEvaluations(c: Context, { agent }: ApiContext) {
  const id = pathParam(c, "id");
  const namespace = agent.jobs(id).find(({ job }) => job.id === id)?.job.namespace;
  return agent.evaluations({ jobId: id }).map((evaluation) => writeEvaluation(evaluation, namespace));
}

function listVersions(c: Context, { agent }: ApiContext) {
  const id = pathParam(c, "id");
  const records = agent.jobVersions(id);
  const versions = records.map((record) => ({ record, encoded: encodeJob(record.job) }));
  // Each against the one before it: the oldest has none.
  const pairs = records.slice(0, -1).map((record, at) => diffRecords(id, records[at + 1], record));
  const diffs = flagParam(c, "diffs") ? pairs : null;
  return writeJobVersions(versions, { allocations: agent.allocations({ jobId: id }), diffs }, agent.changes.index);
}

function showSubmission(c: Context, { agent }: ApiContext) {
  const id = pathParam(c, "id");
  const version = countParam(c, "version", agent.job(id).version);
  const { submission } = findVersion(agent.jobVersions(id), version);
  if (submission === null) {
    throw new AppError("not_found", `the job file of version ${version} was not kept`, {
      hint: "only those that were sent along are",
    });
  }
  return writeSubmission(submission);
}

async function registerJob(c: Context, { agent }: ApiContext): Promise<Response> {
  const { body, parsed } = await readBody(c, RegisterRequestSchema);
  if (body.Job === undefined && !body.Submission) throw new AppError("invalid", `${REQUEST}: Job is missing`);
  const { job, warnings } =
    body.Job === undefined && body.Submission ? readJobFile(body.Submission.Source) : readSentJob(parsed);
  if (c.req.param("id") !== undefined) assertSameId(c, job.id);
  noteAbout(besideOf(c), { Job: job.id });
  assertMayRun(c, job);
  const enforceIndex = body.EnforceIndex ? (body.JobModifyIndex ?? 0) : undefined;
  const sent = body.Submission && { source: body.Submission.Source, format: body.Submission.Format };
  const registered = await agent.registerJob(job, sent, { enforceIndex });
  return c.json(writeRegisterReply({ ...registered, warnings: [...warnings, ...registered.warnings] }));
}

async function deregisterJob(c: Context, { agent }: ApiContext): Promise<Response> {
  const purge = flagParam(c, "purge");
  const id = pathParam(c, "id");
  const discard = flagParam(c, "discard");
  if (discard && !purge) {
    throw new AppError(
      "invalid",
      "query parameter discard: expected purge=true beside it, for a job that stays keeps its disks",
    );
  }
  if (discard) assertRole(c, "admin", "removing disks that guests wrote to (discard=true)");
  const options = { purge, ...(discard && { discard }), ...stopOptions(c) };
  // Nobody finds them by the job any more.
  const warnings = purge ? await agent.garbage.tellDisks(id, { discard }) : [];
  return c.json(writeDeregisterReply(await agent.deregisterJob(id, options), warnings));
}

async function parseJob(c: Context): Promise<Response> {
  const { body } = await readBody(c, ParseRequestSchema);
  if (body.HCLv1) throw new AppError("unsupported", "HCLv1 is not supported", { hint: "job files are HCL2" });
  return c.json(encodeJob(readJobFile(body.JobHCL, body.Variables ?? "").job));
}

async function validateJob(c: Context, { agent }: ApiContext): Promise<Response> {
  const { parsed } = await readBody(c, ValidateRequestSchema);
  const { job, errors, warnings } = examineSentJob(parsed);
  if (job === undefined) return c.json(writeValidateReply({ errors, warnings }));
  const looked = agent.validateJob(job);
  // A job that fits no node is still a valid one: Nomad looks at constraints only when it places it.
  const unmet = looked.verdicts
    .filter(({ ok }) => !ok)
    .map(({ where, text: why }) => `does not fit this node: ${where}: ${why}`);
  const uncached = looked.uncached.map((line) => `not in the cache of this agent, which is offline: ${line}`);
  const disks = await agent.disksAtStake(job);
  const told = [...warnings, ...looked.warnings, ...unmet, ...uncached, ...disks.map(({ message }) => message)];
  return c.json(writeValidateReply({ errors, warnings: told, disks }));
}
