import type { Job } from "../job/job.ts";

/** A job as the store has it. */
export interface JobRecord {
  readonly job: Job;
  /** Counts the changes of a job from 0. */
  readonly version: number;
  /** True once it was told to stop. */
  readonly stop: boolean;
  /** Milliseconds since 1970. */
  readonly submitTime: number;
  readonly createIndex: number;
  readonly modifyIndex: number;
  /** Index of the last change by a user, which `EnforceIndex` compares. */
  readonly jobModifyIndex: number;
  readonly submission: { readonly source: string; readonly format: "hcl2" | "json" } | null;
}

/** Why and with what outcome something was decided: one for every change, complete at once. */
export interface Evaluation {
  readonly id: string;
  readonly jobId: string;
  readonly type: string;
  readonly priority: number;
  readonly triggeredBy: "job-register" | "job-deregister" | "alloc-stop" | "node-update";
  readonly status: "complete" | "failed";
  readonly statusDescription: string;
  /** Milliseconds since 1970. */
  readonly createTime: number;
  readonly createIndex: number;
  readonly modifyIndex: number;
}
