import type { Allocation } from "../allocation/allocation.ts";
import type { StopCause } from "../allocation/ladder.ts";
import { errorText } from "../base/errors.ts";
import type { AgentContext } from "./context.ts";
import { stopMachines } from "./stop.ts";

/**
 * Goes through with the stops that a former agent recorded and was killed before it began them: of jobs that were stopped or removed, of
 * allocations that were replaced, and of such as were said to stop. Whoever repeats the command would be told that all is as they
 * wish, while a replacement waited for ever. To be called once, after machines were adopted.
 */
export function settleStops(context: AgentContext): void {
  const { store, log } = context;
  for (const [jobId, allocations] of Map.groupBy(store.liveAllocations(), (allocation) => allocation.jobId)) {
    const record = store.job(jobId);
    const wanted = record === undefined || record.stop ? "none" : newestOf(allocations);
    for (const allocation of allocations) {
      const cause = causeFor(allocation, wanted);
      if (cause === null) continue;
      log.info("goes through with a stop that a former agent recorded", { alloc: allocation.id, cause });
      const job = store.jobVersion(jobId, allocation.jobVersion)?.job ?? record?.job;
      try {
        stopMachines(context, { allocation, job }, cause);
      } catch (error) {
        // A store that takes nothing must not keep the agent from its other machines.
        log.error("an allocation is not stopped", { alloc: allocation.id, error: errorText(error) });
      }
    }
  }
}

/** When the newest of those that are to run were made; a job that waits for room has but its old ones. */
function newestOf(allocations: readonly Allocation[]): number {
  return Math.max(...allocations.filter(({ desired }) => desired === "run").map(({ createIndex }) => createIndex));
}

/** Why an allocation has to stop; null when it has not, or does already. */
function causeFor({ desired, desiredDescription, createIndex, tasks }: Allocation, wanted: number | "none") {
  if (desired === "stop") {
    const begun = Object.values(tasks).every(({ machine }) => machine.kind === "stopping" || machine.kind === "ended");
    return begun ? null : (CAUSES.find((cause) => cause === desiredDescription) ?? "job stopped");
  }
  if (wanted === "none") return "job stopped";
  return createIndex < wanted ? "job updated" : null;
}

/** What `desiredDescription` of a stop may be. */
const CAUSES = ["job stopped", "job updated", "allocation stopped"] as const satisfies readonly StopCause[];
