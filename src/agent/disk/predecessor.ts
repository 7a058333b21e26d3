import type { Allocation } from "../../allocation/allocation.ts";
import type { Place } from "../../allocation/place.ts";
import type { Store } from "../../state/store.ts";

/**
 * The allocation that a new one follows in its place, alive or not: a disk must not be lost because what came in between failed. None when
 * the job was stopped since: whoever runs it again begins anew.
 */
export function predecessorOf(
  store: Pick<Store, "newestAt" | "evaluations">,
  jobId: string,
  place: Place,
): Allocation | undefined {
  const last = store.newestAt(jobId, place);
  if (last === undefined) return undefined;
  const wasStopped = store
    .evaluations({ jobId })
    .some(({ triggeredBy, createIndex }) => triggeredBy === "job-deregister" && createIndex > last.createIndex);
  return wasStopped ? undefined : last;
}
