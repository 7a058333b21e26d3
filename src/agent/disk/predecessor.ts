import type { Allocation } from "../../allocation/allocation.ts";
import type { Place } from "../../allocation/place.ts";
import type { Store } from "../../state/store.ts";
import { newestAt } from "../reconcile/reconcile.ts";

/**
 * Finds the allocation that a new one of a job follows in its place, alive or not: a disk must not be lost because what came in between
 * failed. None when the job was stopped since: whoever runs it again begins anew.
 */
export function predecessorsOf(
  store: Pick<Store, "allocations" | "evaluations">,
  jobId: string,
): (place: Place) => Allocation | undefined {
  const allocations = store.allocations({ jobId });
  const stops = store.evaluations({ jobId }).filter(({ triggeredBy }) => triggeredBy === "job-deregister");
  return (place) => {
    const last = newestAt(allocations, place);
    return last === undefined || stops.some(({ createIndex }) => createIndex > last.createIndex) ? undefined : last;
  };
}
