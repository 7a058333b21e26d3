import type { Allocation } from "../allocation/allocation.ts";
import type { Store } from "../state/store.ts";

/**
 * The allocation whose place a new one of a group takes, alive or not: a disk must not be lost because what came in between failed. None
 * after the job was stopped: whoever runs it again begins anew.
 */
export function predecessorOf(store: Pick<Store, "allocations">, jobId: string, group: string): Allocation | undefined {
  const last = store
    .allocations({ jobId })
    .filter((allocation) => allocation.group === group)
    .toSorted((a, b) => a.createIndex - b.createIndex)
    .at(-1);
  return last?.desired === "stop" && last.desiredDescription === "job stopped" ? undefined : last;
}
