import * as v from "valibot";
import { CountSchema, IdSchema, NanosSchema, writeTime } from "./scalars.ts";

const REASONS = ["gc_max_allocs", "gc_disk_usage_threshold", "gc_inode_usage_threshold", "purged", "asked"] as const;

/** Reply of `PUT /v1/system/gc`, where Nomad's is empty: what went, and what did not. */
export const GarbageReplySchema = v.object({
  Removed: v.array(
    v.object({
      AllocID: IdSchema,
      JobID: v.string(),
      Reason: v.picklist(REASONS),
      /** When its last machine had ended. */
      EndedAt: NanosSchema,
      /** Bytes on the disk that became free. */
      Bytes: CountSchema,
    }),
  ),
  /** Disks that guests have written to, and for whose sake their allocations are still there. */
  Kept: v.array(
    v.object({
      AllocID: IdSchema,
      JobID: v.string(),
      Task: v.string(),
      Path: v.string(),
      Bytes: CountSchema,
      Until: NanosSchema,
    }),
  ),
  /** Jobs and evaluations that were forgotten. */
  Jobs: CountSchema,
  Evaluations: CountSchema,
  /** Why something that was to go is still there. */
  Troubles: v.array(v.string()),
});
export type WireGarbageReply = v.InferOutput<typeof GarbageReplySchema>;

/** What the wire tells of a garbage collection; times are in milliseconds since 1970. */
export interface ToldGarbage {
  readonly removed: readonly {
    readonly allocationId: string;
    readonly jobId: string;
    readonly reason: (typeof REASONS)[number];
    readonly endedAt: number;
    readonly bytes: number;
  }[];
  readonly kept: readonly {
    readonly allocationId: string;
    readonly jobId: string;
    readonly task: string;
    readonly path: string;
    readonly bytes: number;
    readonly until: number;
  }[];
  readonly jobs: number;
  readonly evaluations: number;
  readonly troubles: readonly string[];
}

export function writeGarbage({ removed, kept, jobs, evaluations, troubles }: ToldGarbage): WireGarbageReply {
  return {
    Removed: removed.map(({ allocationId, jobId, reason, endedAt, bytes }) => ({
      AllocID: allocationId,
      JobID: jobId,
      Reason: reason,
      EndedAt: writeTime(endedAt),
      Bytes: bytes,
    })),
    Kept: kept.map(({ allocationId, jobId, task, path, bytes, until }) => ({
      AllocID: allocationId,
      JobID: jobId,
      Task: task,
      Path: path,
      Bytes: bytes,
      Until: writeTime(until),
    })),
    Jobs: jobs,
    Evaluations: evaluations,
    Troubles: [...troubles],
  };
}
