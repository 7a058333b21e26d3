import { newId } from "../../base/ids.ts";
import type { Job } from "../../job/job.ts";
import { type PlacementFailure, reasonsOf } from "../../placement/failure.ts";
import type { Evaluation } from "../../state/records.ts";
import type { Store } from "../../state/store.ts";

/** When a change is recorded: the index it gets, and the time in milliseconds since 1970. */
export interface Moment {
  readonly index: number;
  readonly now: number;
}

/** The evaluation of a change, which is decided at once. */
export function newEvaluation(job: Job, triggeredBy: Evaluation["triggeredBy"], { index, now }: Moment): Evaluation {
  return {
    id: newId(),
    jobId: job.id,
    type: job.type,
    priority: job.priority,
    triggeredBy,
    status: "complete",
    statusDescription: "",
    createTime: now,
    createIndex: index,
    modifyIndex: index,
  };
}

/**
 * The evaluation that stays until what lacks room is placed.
 * @param previousEval id of the one that it came of. @returns undefined when nothing lacks room.
 */
export function newBlocked(
  job: Job,
  { failures, previousEval }: { readonly failures: readonly PlacementFailure[]; readonly previousEval: string },
  moment: Moment,
): Evaluation | undefined {
  if (failures.length === 0) return undefined;
  const evaluation = newEvaluation(job, "queued-allocs", moment);
  return { ...evaluation, ...blockedBy(failures), status: "blocked", previousEval };
}

/** What an evaluation says of the reasons why it is blocked. */
export function blockedBy(failures: readonly PlacementFailure[]): Pick<Evaluation, "failures" | "statusDescription"> {
  return { failures, statusDescription: `waits for room: ${failures.flatMap(reasonsOf).join("; ")}` };
}

/** Ends a blocked evaluation that is no longer wanted; to be called while a change is recorded. */
export function cancelBlocked(store: Store, id: string | undefined, why: string, { index, now }: Moment): void {
  const found = id === undefined ? undefined : store.evaluation(id);
  if (found?.status !== "blocked") return;
  store.putEvaluation({
    ...found,
    status: "canceled",
    statusDescription: why,
    modifyIndex: index,
    modifyTime: now,
  });
}
