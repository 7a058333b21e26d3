import type { Place } from "../allocation/place.ts";
import type { Job } from "../job/job.ts";
import type { PlacementFailure } from "../placement/failure.ts";

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
  /** While some of it waits for room: the blocked evaluation, and the group of each copy that waits. Undefined otherwise. */
  readonly waiting?: { readonly evalId: string; readonly groups: readonly string[] } | undefined;
  /**
   * While copies lack a machine of this version, for want of room or because it is not their turn: these, and the evaluation that led to it.
   * Undefined otherwise, and in records of agents that knew jobs of one copy only.
   */
  readonly rollout?: { readonly evalId: string; readonly places: readonly Place[] } | undefined;
  readonly submission: { readonly source: string; readonly format: "hcl2" | "json" } | null;
}

/**
 * Why and with what outcome something was decided: one for every change, complete at once. What could not be placed then has a second
 * one, `blocked` until it was placed (`complete`) or is no longer wanted (`canceled`).
 */
export interface Evaluation {
  readonly id: string;
  readonly jobId: string;
  readonly type: string;
  readonly priority: number;
  readonly triggeredBy:
    | "job-register"
    | "job-deregister"
    | "alloc-stop"
    | "node-update"
    | "node-drain"
    | "queued-allocs";
  readonly status: "complete" | "failed" | "blocked" | "canceled";
  readonly statusDescription: string;
  /** The evaluation that this one came of, and the one that came of it. */
  readonly previousEval?: string | undefined;
  readonly blockedEval?: string | undefined;
  /** Groups that were not placed. */
  readonly failures?: readonly PlacementFailure[] | undefined;
  /** Milliseconds since 1970; undefined when it never changed. */
  readonly modifyTime?: number | undefined;
  /** Milliseconds since 1970. */
  readonly createTime: number;
  readonly createIndex: number;
  readonly modifyIndex: number;
}

/** An ended allocation that is removed or was: all that is left to tell of it. */
export interface Collection {
  readonly allocationId: string;
  readonly jobId: string;
  readonly reason: CollectReason;
  /** When its machines had ended, when its removal began, and when all of it was gone; milliseconds since 1970. */
  readonly endedAt: number;
  readonly begunAt: number;
  readonly doneAt: number | null;
  /** Bytes that its files took, as far as nothing else has a name of them. */
  readonly bytes: number;
  /** Why some of it could not be removed when that was last tried, for people; undefined when it was not, or all went well. */
  readonly trouble?: string | undefined;
}

/** Why an allocation went: too many of them, a full file system, a job that is no more, or somebody's command. */
export type CollectReason =
  | "gc_max_allocs"
  | "gc_disk_usage_threshold"
  | "gc_inode_usage_threshold"
  | "purged"
  | "asked";
