import * as v from "valibot";
import type { Job } from "../job/job.ts";
import type { RecordedEvaluation } from "./evaluation.ts";
import { CountSchema, IdSchema, SentFlagSchema, SentTextSchema } from "./scalars.ts";

// Requests are read with `v.object`, which passes over what it does not know: Nomad's clients send more than has a meaning on one
// host (region, tokens, policies), and newer ones will send more still.

/** A job in a request, which the description of the job file reads. */
export const JobFieldSchema = v.record(v.string(), v.unknown());

/**
 * Body of `PUT /v1/jobs`; `Job` is read by the description of the job file. Ours: without it the job is what the text of `Submission`
 * says, so that a client can hand in a file that it has not read itself.
 */
export const RegisterRequestSchema = v.object({
  Job: v.optional(JobFieldSchema),
  /** True: only if the job's last change is `JobModifyIndex`, where 0 means that there is no such job yet. */
  EnforceIndex: SentFlagSchema,
  JobModifyIndex: v.optional(v.nullable(CountSchema), 0),
  Submission: v.optional(v.nullable(v.object({ Source: v.string(), Format: v.picklist(["hcl2", "json"]) })), null),
});

/** Body of `PUT /v1/validate/job`. */
export const ValidateRequestSchema = v.object({ Job: JobFieldSchema });

/** Body of `POST /v1/jobs/parse`; `Canonicalize` makes no difference, the reply always has every default filled in. */
export const ParseRequestSchema = v.object({
  JobHCL: v.string(),
  Canonicalize: SentFlagSchema,
  HCLv1: SentFlagSchema,
  Variables: SentTextSchema,
});

/** Body of `PUT /v1/job/:id/revert`. */
export const RevertRequestSchema = v.object({
  JobID: SentTextSchema,
  JobVersion: CountSchema,
  /** Only if the job is at this version now; null whatever it is. */
  EnforcePriorVersion: v.optional(v.nullable(CountSchema), null),
});

/** Body of `PUT /v1/job/:id/evaluate`, which may be empty. */
export const EvaluateRequestSchema = v.object({
  JobID: SentTextSchema,
  EvalOptions: v.optional(v.nullable(v.object({ ForceReschedule: SentFlagSchema })), null),
});

const queryMeta = { Index: CountSchema, KnownLeader: v.boolean(), LastContact: CountSchema };

/** Reply of `PUT /v1/jobs`: Nomad's `JobRegisterResponse`. */
export const RegisterReplySchema = v.object({
  EvalID: IdSchema,
  EvalCreateIndex: CountSchema,
  JobModifyIndex: CountSchema,
  /** One line for each, "" for none. */
  Warnings: v.string(),
  ...queryMeta,
  /** Ours: whoever sent a text learns here what its job is called, and how many machines it asks for. */
  Paddock: v.object({ JobID: v.string(), Machines: CountSchema }),
});
export type WireRegisterReply = v.InferOutput<typeof RegisterReplySchema>;

/** Reply of `PUT /v1/job/:id/evaluate`: Nomad's `JobRegisterResponse`. */
export const EvaluateReplySchema = v.object({
  EvalID: IdSchema,
  EvalCreateIndex: CountSchema,
  JobModifyIndex: CountSchema,
  ...queryMeta,
});
export type WireEvaluateReply = v.InferOutput<typeof EvaluateReplySchema>;

/** Reply of `DELETE /v1/job/:id`: Nomad's `JobDeregisterResponse`. */
export const DeregisterReplySchema = v.object({
  EvalID: IdSchema,
  EvalCreateIndex: CountSchema,
  JobModifyIndex: CountSchema,
  /** Ours: what becomes of disks when a job is purged; "" for none. */
  Warnings: v.string(),
  ...queryMeta,
});
export type WireDeregisterReply = v.InferOutput<typeof DeregisterReplySchema>;

/** Reply of `PUT /v1/validate/job`: Nomad's `JobValidateResponse`. */
export const ValidateReplySchema = v.object({
  DriverConfigValidated: v.boolean(),
  ValidationErrors: v.array(v.string()),
  /** All of them in one text, "" for none. */
  Error: v.string(),
  Warnings: v.string(),
  /** Ours. */
  Paddock: v.object({
    /** Disks of running or former allocations that the job would not go on with. */
    Discards: v.array(
      v.object({
        AllocID: IdSchema,
        Task: v.string(),
        /** Where it stays. */
        Path: v.string(),
        /** That it takes: of an overlay, what was written; null where that is not known. */
        Bytes: v.nullable(CountSchema),
        Message: v.string(),
      }),
    ),
  }),
});
export type WireValidateReply = v.InferOutput<typeof ValidateReplySchema>;

/** @param registered what came of it; `Index` is that of its evaluation. */
export function writeRegisterReply(registered: {
  readonly evaluation: RecordedEvaluation;
  readonly job: { readonly jobModifyIndex: number; readonly job: Pick<Job, "id" | "groups"> };
  readonly warnings: readonly string[];
}): WireRegisterReply {
  const { evaluation, job, warnings } = registered;
  return {
    EvalID: evaluation.id,
    EvalCreateIndex: evaluation.createIndex,
    JobModifyIndex: job.jobModifyIndex,
    Warnings: joinWarnings(warnings),
    ...writeQueryMeta(evaluation.modifyIndex),
    Paddock: { JobID: job.job.id, Machines: job.job.groups.reduce((sum, { count }) => sum + count, 0) },
  };
}

/** What came of looking at a job again. */
export function writeEvaluateReply(
  evaluation: RecordedEvaluation,
  { jobModifyIndex }: { readonly jobModifyIndex: number },
): WireEvaluateReply {
  return {
    EvalID: evaluation.id,
    EvalCreateIndex: evaluation.createIndex,
    JobModifyIndex: jobModifyIndex,
    ...writeQueryMeta(evaluation.modifyIndex),
  };
}

/** What came of stopping a job: `JobModifyIndex` is the index of that change. */
export function writeDeregisterReply(evaluation: RecordedEvaluation, warnings: readonly string[]): WireDeregisterReply {
  return {
    EvalID: evaluation.id,
    EvalCreateIndex: evaluation.createIndex,
    JobModifyIndex: evaluation.modifyIndex,
    Warnings: joinWarnings(warnings),
    ...writeQueryMeta(evaluation.modifyIndex),
  };
}

/** What becomes of the disk of an allocation that a job replaces. */
export interface ToldFate {
  readonly allocationId: string;
  readonly task: string;
  readonly message: string;
  readonly discarded: { readonly path: string; readonly bytes: number | null } | null;
}

/** @param result what is wrong with the job and what is doubtful, one text each. */
export function writeValidateReply(result: {
  readonly errors: readonly string[];
  readonly warnings: readonly string[];
  readonly disks?: readonly ToldFate[];
}): WireValidateReply {
  return {
    DriverConfigValidated: true,
    ValidationErrors: [...result.errors],
    Error: result.errors.join("\n"),
    Warnings: joinWarnings(result.warnings),
    Paddock: { Discards: (result.disks ?? []).flatMap(writeDiscard) },
  };
}

function writeDiscard({ allocationId, task, message, discarded }: ToldFate) {
  if (discarded === null) return [];
  const { path, bytes } = discarded;
  return [{ AllocID: allocationId, Task: task, Path: path, Bytes: bytes, Message: message }];
}

/** Nomad's `Warnings`: one line each, "" for none. */
export function joinWarnings(warnings: readonly string[]): string {
  return warnings.map((warning) => `* ${warning}`).join("\n");
}

function writeQueryMeta(index: number) {
  return { Index: index, KnownLeader: true, LastContact: 0 };
}
