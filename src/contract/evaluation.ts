import * as v from "valibot";
import { type PlacementFailure, reasonsOf } from "../placement/failure.ts";
import { CountSchema, DEFAULT_NAMESPACE, IdSchema, NanosSchema, writeTime } from "./scalars.ts";

const TRIGGERS = [
  "job-register",
  "job-deregister",
  "alloc-stop",
  "node-update",
  "node-drain",
  "queued-allocs",
] as const;
const STATUSES = ["complete", "failed", "blocked", "canceled"] as const;

/** What the wire tells of an evaluation; the store's record of it is one. */
export interface RecordedEvaluation {
  readonly id: string;
  readonly jobId: string;
  readonly type: string;
  readonly priority: number;
  readonly triggeredBy: (typeof TRIGGERS)[number];
  readonly status: (typeof STATUSES)[number];
  readonly statusDescription: string;
  readonly previousEval?: string | undefined;
  readonly blockedEval?: string | undefined;
  readonly failures?: readonly PlacementFailure[] | undefined;
  readonly modifyTime?: number | undefined;
  /** Milliseconds since 1970. */
  readonly createTime: number;
  readonly createIndex: number;
  readonly modifyIndex: number;
}

/** Nomad's `AllocationMetric`: why a group was not placed. There is one node, and each dimension is exhausted on it or not. */
export const PlacementMetricSchema = v.object({
  NodesEvaluated: CountSchema,
  NodesFiltered: CountSchema,
  NodesAvailable: v.record(v.string(), CountSchema),
  ConstraintFiltered: v.record(v.string(), CountSchema),
  NodesExhausted: CountSchema,
  DimensionExhausted: v.record(v.string(), CountSchema),
  AllocationTime: NanosSchema,
  CoalescedFailures: CountSchema,
  /** Ours: the reasons with their amounts, for people. */
  Paddock: v.object({ Reasons: v.array(v.string()), Never: v.boolean() }),
});
export type WirePlacementMetric = v.InferOutput<typeof PlacementMetricSchema>;

/**
 * Nomad's `Evaluation`. On one host there is one for every change, complete at once; what could not be placed has a second one that
 * is `blocked` until there is room.
 */
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
  /** By group; null when nothing is left over, as in Nomad. */
  FailedTGAllocs: v.nullable(v.record(v.string(), PlacementMetricSchema)),
  QueuedAllocations: v.record(v.string(), CountSchema),
  CreateIndex: CountSchema,
  ModifyIndex: CountSchema,
  CreateTime: NanosSchema,
  ModifyTime: NanosSchema,
});
export type WireEvaluation = v.InferOutput<typeof EvaluationSchema>;

/** Reply of `GET /v1/evaluations/count`. */
export const EvaluationCountSchema = v.object({ Count: CountSchema });

/** Reply of `PUT /v1/allocation/:id/stop`: Nomad's `AllocStopResponse`. */
export const StopReplySchema = v.object({ EvalID: IdSchema, Index: CountSchema });
export type WireStopReply = v.InferOutput<typeof StopReplySchema>;

/** @param namespace the job's; undefined for a job that is no more. */
export function writeEvaluation(evaluation: RecordedEvaluation, namespace: string | undefined): WireEvaluation {
  const { failures = [] } = evaluation;
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
    PreviousEval: evaluation.previousEval ?? "",
    BlockedEval: evaluation.blockedEval ?? "",
    FailedTGAllocs: writeFailures(failures),
    QueuedAllocations: byGroup(failures, ({ coalesced = 0 }) => coalesced + 1),
    CreateIndex: evaluation.createIndex,
    ModifyIndex: evaluation.modifyIndex,
    CreateTime: writeTime(evaluation.createTime),
    ModifyTime: writeTime(evaluation.modifyTime ?? evaluation.createTime),
  };
}

/** Nomad's `FailedTGAllocs`: null when nothing is left over. */
export function writeFailures(failures: readonly PlacementFailure[]): Record<string, WirePlacementMetric> | null {
  return failures.length === 0 ? null : byGroup(failures, writeFailure);
}

function byGroup<T>(failures: readonly PlacementFailure[], write: (failure: PlacementFailure) => T): Record<string, T> {
  return Object.fromEntries(failures.map((failure) => [failure.group, write(failure)]));
}

function writeFailure(failure: PlacementFailure): WirePlacementMetric {
  const { shortages, filtered, coalesced = 0 } = failure;
  const ones = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, 1]));
  return {
    NodesEvaluated: 1,
    NodesFiltered: filtered.length > 0 ? 1 : 0,
    NodesAvailable: {},
    ConstraintFiltered: ones(filtered),
    NodesExhausted: shortages.length > 0 ? 1 : 0,
    DimensionExhausted: ones(shortages.map(({ dimension }) => dimension)),
    AllocationTime: 0,
    CoalescedFailures: coalesced,
    Paddock: { Reasons: reasonsOf(failure), Never: shortages.some(({ never }) => never) },
  };
}

/** What came of stopping an allocation. */
export function writeStopReply(evaluation: RecordedEvaluation): WireStopReply {
  return { EvalID: evaluation.id, Index: evaluation.modifyIndex };
}
