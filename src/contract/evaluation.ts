import * as v from "valibot";
import { CountSchema, DEFAULT_NAMESPACE, IdSchema, NanosSchema, writeTime } from "./scalars.ts";

const TRIGGERS = ["job-register", "job-deregister", "alloc-stop", "node-update"] as const;
const STATUSES = ["complete", "failed"] as const;

/** What the wire tells of an evaluation; the store's record of it is one. */
export interface RecordedEvaluation {
  readonly id: string;
  readonly jobId: string;
  readonly type: string;
  readonly priority: number;
  readonly triggeredBy: (typeof TRIGGERS)[number];
  readonly status: (typeof STATUSES)[number];
  readonly statusDescription: string;
  /** Milliseconds since 1970. */
  readonly createTime: number;
  readonly createIndex: number;
  readonly modifyIndex: number;
}

/** Nomad's `Evaluation`. On one host there is one for every change, and it is complete at once. */
export const EvaluationSchema = v.object({
  ID: IdSchema,
  Namespace: v.string(),
  Priority: v.pipe(v.number(), v.integer()),
  Type: v.string(),
  TriggeredBy: v.picklist(TRIGGERS),
  JobID: v.string(),
  Status: v.picklist(STATUSES),
  StatusDescription: v.string(),
  NextEval: v.string(),
  PreviousEval: v.string(),
  BlockedEval: v.string(),
  /** What could not be placed is refused when it is submitted, so nothing is ever left over. */
  FailedTGAllocs: v.null(),
  QueuedAllocations: v.record(v.string(), CountSchema),
  CreateIndex: CountSchema,
  ModifyIndex: CountSchema,
  CreateTime: NanosSchema,
  ModifyTime: NanosSchema,
});
export type WireEvaluation = v.InferOutput<typeof EvaluationSchema>;

/** Reply of `PUT /v1/allocation/:id/stop`: Nomad's `AllocStopResponse`. */
export const StopReplySchema = v.object({ EvalID: IdSchema, Index: CountSchema });
export type WireStopReply = v.InferOutput<typeof StopReplySchema>;

/** @param namespace the job's; undefined for a job that is no more. */
export function writeEvaluation(evaluation: RecordedEvaluation, namespace: string | undefined): WireEvaluation {
  return {
    ID: evaluation.id,
    Namespace: namespace ?? DEFAULT_NAMESPACE,
    Priority: evaluation.priority,
    Type: evaluation.type,
    TriggeredBy: evaluation.triggeredBy,
    JobID: evaluation.jobId,
    Status: evaluation.status,
    StatusDescription: evaluation.statusDescription,
    NextEval: "",
    PreviousEval: "",
    BlockedEval: "",
    FailedTGAllocs: null,
    QueuedAllocations: {},
    CreateIndex: evaluation.createIndex,
    ModifyIndex: evaluation.modifyIndex,
    CreateTime: writeTime(evaluation.createTime),
    ModifyTime: writeTime(evaluation.createTime),
  };
}

/** What came of stopping an allocation. */
export function writeStopReply(evaluation: RecordedEvaluation): WireStopReply {
  return { EvalID: evaluation.id, Index: evaluation.modifyIndex };
}
