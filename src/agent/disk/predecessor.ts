import type { Allocation } from "../../allocation/allocation.ts";
import type { Store } from "../../state/store.ts";

/**
 * The allocation whose place a new one of a group takes, alive or not: a disk must not be lost because what came in between failed. None
 * when the job was stopped since: whoever runs it again begins anew.
 */
export function predecessorOf(
  store: Pick<Store, "allocations" | "evaluations">,
  jobId: string,
  group: string,
): Allocation | undefined {
  const last = store
    .allocations({ jobId })
    .filter((allocation) => allocation.group === group)
    .toSorted((a, b) => a.createIndex - b.createIndex)
    .at(-1);
  if (last === undefined) return undefined;
  const wasStopped = store
    .evaluations({ jobId })
    .some(({ triggeredBy, createIndex }) => triggeredBy === "job-deregister" && createIndex > last.createIndex);
  return wasStopped ? undefined : last;
}
