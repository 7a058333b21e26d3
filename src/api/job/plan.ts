import type { Context, Hono } from "hono";
import { AppError } from "../../base/errors.ts";
import { diffJobs } from "../../contract/diff/job.ts";
import type { JobDiff } from "../../contract/job-diff.ts";
import { PlanRequestSchema, writePlanReply } from "../../contract/job-plan.ts";
import type { EncodedJob, RegisteredJob } from "../../contract/job-record.ts";
import { encodeJob } from "../../job/wire.ts";
import type { ApiContext } from "../context.ts";
import { pathParam } from "../query.ts";
import { readBody } from "../validate.ts";
import { readSentJob } from "./text.ts";

/** The route that tells what a job would change, and changes nothing. */
export function addJobPlanRoute(app: Hono, context: ApiContext): void {
  app.on(["PUT", "POST"], "/v1/job/:id/plan", (c) => planJob(c, context));
}

async function planJob(c: Context, { agent }: ApiContext): Promise<Response> {
  const { body, parsed } = await readBody(c, PlanRequestSchema);
  const { job, warnings } = readSentJob(parsed);
  assertSameId(c, job.id);
  const plan = await agent.planJob(job);
  const asked = { job, stop: false };
  const diff = body.Diff ? diffRecords(job.id, plan.previous, asked) : undefined;
  return c.json(writePlanReply(plan, diff, [...warnings, ...plan.warnings]));
}

/** @throws AppError `invalid` when the path of a request names another job than its body. */
export function assertSameId(c: Context, jobId: string): void {
  if (pathParam(c, "id") === jobId) return;
  throw new AppError("invalid", "the job's ID is not the one in the path of the request");
}

type Side = Pick<RegisteredJob, "job" | "stop">;

/** What differs between two states of a job. @param old undefined when it is new. */
export function diffRecords(id: string, old: Side | undefined, now: Side): JobDiff {
  const isNews = old !== undefined && old.stop !== now.stop;
  const encode = ({ job, stop }: Side): EncodedJob => ({ ...encodeJob(job), ...(isNews && { Stop: stop }) });
  return diffJobs(id, old && encode(old), encode(now));
}
