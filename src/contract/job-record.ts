import * as v from "valibot";
import { type Allocation, clientStatus, isTerminal } from "../allocation/allocation.ts";
import type { Job } from "../job/job.ts";
import { type JobDiff, JobDiffSchema } from "./job-diff.ts";
import { CountSchema, NanosSchema, TextMapSchema, writeTime } from "./scalars.ts";

export const JOB_STATUSES = ["pending", "running", "dead"] as const;
export type JobStatus = (typeof JOB_STATUSES)[number];

/** What the wire tells of a registered job; the store's record of it is one. */
export interface RegisteredJob {
  readonly job: Job;
  /** Counts the changes of a job from 0. */
  readonly version: number;
  readonly stop: boolean;
  /** Milliseconds since 1970. */
  readonly submitTime: number;
  readonly createIndex: number;
  readonly modifyIndex: number;
  /** Index of the last change by a user. */
  readonly jobModifyIndex: number;
  /** The group of each copy for which there is no room now. */
  readonly waiting?: { readonly groups: readonly string[] } | undefined;
}

/** A job file as it was handed in. */
export interface SubmittedFile {
  readonly source: string;
  readonly format: "hcl2" | "json";
}

/** Nomad's job as the job file's own description writes it, before the agent's words about it are added. */
export type EncodedJob = Readonly<Record<string, unknown>>;

const identity = {
  ID: v.string(),
  Name: v.string(),
  Namespace: v.string(),
  Type: v.string(),
  Priority: v.pipe(v.number(), v.integer()),
  Datacenters: v.array(v.string()),
};

const registration = {
  Status: v.picklist(JOB_STATUSES),
  StatusDescription: v.string(),
  Stop: v.boolean(),
  Version: CountSchema,
  SubmitTime: NanosSchema,
  CreateIndex: CountSchema,
  ModifyIndex: CountSchema,
  JobModifyIndex: CountSchema,
};

const definition = {
  Region: v.string(),
  Meta: v.nullable(TextMapSchema),
  TaskGroups: v.array(
    v.looseObject({
      Name: v.string(),
      Count: v.pipe(v.number(), v.integer()),
      Tasks: v.array(v.looseObject({ Name: v.string(), Driver: v.string() })),
    }),
  ),
};

/** Nomad's `Job`; what stands in its groups and tasks is the job file's own description. */
export const JobSchema = v.looseObject({ ...identity, ...registration, Stable: v.boolean(), ...definition });
export type WireJob = v.InferOutput<typeof JobSchema>;

/** Reply of `PUT /v1/jobs/parse`: a `Job` that is not registered. */
export const ParsedJobSchema = v.looseObject({ ...identity, ...definition });

/** Nomad's `JobVersionsResponse`, newest first. `Diffs` has one entry less, and is null when it was not asked for. */
export const JobVersionsSchema = v.object({
  Versions: v.array(JobSchema),
  Diffs: v.nullable(v.array(JobDiffSchema)),
  Index: CountSchema,
  KnownLeader: v.boolean(),
  LastContact: CountSchema,
});

export const GroupSummarySchema = v.object({
  Queued: CountSchema,
  Complete: CountSchema,
  Failed: CountSchema,
  Running: CountSchema,
  Starting: CountSchema,
  Lost: CountSchema,
  Unknown: CountSchema,
});
type GroupSummary = v.InferOutput<typeof GroupSummarySchema>;

/** Nomad's `JobSummary`: allocations of each group, counted by client status, and those that wait for room. */
export const JobSummarySchema = v.object({
  JobID: v.string(),
  Namespace: v.string(),
  Summary: v.record(v.string(), GroupSummarySchema),
  Children: v.null(),
  CreateIndex: CountSchema,
  ModifyIndex: CountSchema,
});
export type WireJobSummary = v.InferOutput<typeof JobSummarySchema>;

/** Nomad's `JobListStub`. `JobSummary` is never absent: `nomad status` and `nomad job stop` crash without it. */
export const JobStubSchema = v.object({
  ...identity,
  ...registration,
  ParentID: v.string(),
  NodePool: v.string(),
  Periodic: v.boolean(),
  ParameterizedJob: v.boolean(),
  JobSummary: JobSummarySchema,
  /** Only when asked for with `meta=true`. */
  Meta: v.optional(TextMapSchema),
});
export type WireJobStub = v.InferOutput<typeof JobStubSchema>;

/** Nomad's `JobSubmission`: the job file as it was handed in. */
export const JobSubmissionSchema = v.object({
  Source: v.string(),
  Format: v.picklist(["hcl2", "json"]),
  VariableFlags: v.nullable(TextMapSchema),
  Variables: v.string(),
});
export type WireJobSubmission = v.InferOutput<typeof JobSubmissionSchema>;

/**
 * The status of a job as Nomad derives it (`getJobStatus` of its state store): running while an allocation is to run and has not
 * ended, dead when all have ended or the job was told to stop, pending before there is any and while it waits for room.
 */
export function jobStatus(record: RegisteredJob, allocations: readonly Allocation[]): JobStatus {
  if (allocations.some((allocation) => allocation.desired === "run" && !isTerminal(allocation))) return "running";
  if (record.stop) return "dead";
  if (record.job.type === "system") return "running";
  if (record.waiting !== undefined) return "pending";
  return allocations.length > 0 ? "dead" : "pending";
}

/** @param allocations those of this job, of all its versions. */
export function writeJob(record: RegisteredJob, allocations: readonly Allocation[], encoded: EncodedJob): WireJob {
  return {
    ...writeIdentity(record),
    Region: record.job.region,
    Meta: record.job.meta,
    TaskGroups: [],
    // Pointers in Go: the `nomad` CLI reads through them without looking.
    ParentID: "",
    AllAtOnce: false,
    Dispatched: false,
    Payload: null,
    Periodic: null,
    ParameterizedJob: null,
    Multiregion: null,
    ConsulToken: "",
    ConsulNamespace: "",
    VaultToken: "",
    VaultNamespace: "",
    NomadTokenID: "",
    ...encoded,
    ...writeRegistration(record, allocations),
    Stable: false,
  };
}

/**
 * The versions of a job.
 * @param versions newest first. @param allocations those of the job, of all its versions. @param diffs what changed with each version
 * but the oldest; null when that was not asked for. @param index of the newest change of anything.
 */
export function writeJobVersions(
  versions: readonly { readonly record: RegisteredJob; readonly encoded: EncodedJob }[],
  { allocations, diffs }: { readonly allocations: readonly Allocation[]; readonly diffs: JobDiff[] | null },
  index: number,
): v.InferOutput<typeof JobVersionsSchema> {
  const written = versions.map(({ record, encoded }, at) => {
    const own = allocations.filter(({ jobVersion }) => jobVersion === record.version);
    return writeJob(record, at === 0 ? allocations : own, encoded);
  });
  return { Versions: written, Diffs: diffs, Index: index, KnownLeader: true, LastContact: 0 };
}

/** @param meta adds the job's `meta`. */
export function writeJobStub(record: RegisteredJob, allocations: readonly Allocation[], meta: boolean): WireJobStub {
  return {
    ...writeIdentity(record),
    ...writeRegistration(record, allocations),
    ParentID: "",
    NodePool: "default",
    Periodic: false,
    ParameterizedJob: false,
    JobSummary: writeJobSummary(record, allocations),
    ...(meta ? { Meta: record.job.meta } : {}),
  };
}

/** @param allocations those of this job, of all its versions; groups of earlier versions are counted under their names. */
export function writeJobSummary(record: RegisteredJob, allocations: readonly Allocation[]): WireJobSummary {
  const groups = new Map<string, GroupSummary>(record.job.groups.map((group) => [group.name, emptySummary()]));
  for (const allocation of allocations) {
    const summary = groups.get(allocation.group) ?? emptySummary();
    summary[summaryField(allocation)]++;
    groups.set(allocation.group, summary);
  }
  for (const name of record.waiting?.groups ?? []) {
    const summary = groups.get(name) ?? emptySummary();
    groups.set(name, { ...summary, Queued: summary.Queued + 1 });
  }
  return {
    JobID: record.job.id,
    Namespace: record.job.namespace,
    Summary: Object.fromEntries(groups),
    Children: null,
    CreateIndex: record.createIndex,
    ModifyIndex: Math.max(record.modifyIndex, ...allocations.map((allocation) => allocation.modifyIndex)),
  };
}

/** The job file of a version, in Nomad's shape. */
export function writeSubmission(submission: SubmittedFile): WireJobSubmission {
  return { Source: submission.source, Format: submission.format, VariableFlags: null, Variables: "" };
}

function emptySummary(): GroupSummary {
  return { Queued: 0, Complete: 0, Failed: 0, Running: 0, Starting: 0, Lost: 0, Unknown: 0 };
}

function summaryField(allocation: Allocation): keyof GroupSummary {
  switch (clientStatus(allocation)) {
    case "pending":
      return "Starting";
    case "running":
      return "Running";
    case "complete":
      return "Complete";
    case "failed":
      return "Failed";
    case "lost":
      return "Lost";
  }
}

function writeIdentity({ job }: RegisteredJob) {
  return {
    ID: job.id,
    Name: job.name,
    Namespace: job.namespace,
    Type: job.type,
    Priority: job.priority,
    Datacenters: [...job.datacenters],
  };
}

function writeRegistration(record: RegisteredJob, allocations: readonly Allocation[]) {
  return {
    Status: jobStatus(record, allocations),
    StatusDescription: "",
    Stop: record.stop,
    Version: record.version,
    SubmitTime: writeTime(record.submitTime),
    CreateIndex: record.createIndex,
    ModifyIndex: record.modifyIndex,
    JobModifyIndex: record.jobModifyIndex,
  };
}
