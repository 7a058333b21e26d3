import type { Allocation } from "../allocation/allocation.ts";
import type { StopCause } from "../allocation/ladder.ts";
import { errorText } from "../base/errors.ts";
import type { JobRecord } from "../state/records.ts";
import type { AgentContext } from "./context.ts";
import { reconcile } from "./reconcile/reconcile.ts";
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
    const running = allocations.filter(({ desired }) => desired === "run");
    const unwanted = record === undefined || record.stop ? running : reconcile(record.job, running, () => []).stopped;
    for (const allocation of allocations) {
      const cause = causeFor(allocation, unwanted.includes(allocation), record);
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

/** Why an allocation has to stop; null when it has not, or does already. */
function causeFor(
  { desired, desiredDescription, tasks }: Allocation,
  unwanted: boolean,
  record: JobRecord | undefined,
) {
  if (desired === "stop") {
    const begun = Object.values(tasks).every(({ machine }) => machine.kind === "stopping" || machine.kind === "ended");
    return begun ? null : recordedCause({ desiredDescription });
  }
  if (!unwanted) return null;
  return record === undefined || record.stop ? "job stopped" : "job updated";
}

/** What `desiredDescription` of a stop may be. */
const CAUSES = [
  "job stopped",
  "job updated",
  "allocation stopped",
  "alloc is being migrated",
] as const satisfies readonly StopCause[];

/** Why an allocation stops that was told to. */
export const recordedCause = ({ desiredDescription }: Pick<Allocation, "desiredDescription">): StopCause =>
  CAUSES.find((cause) => cause === desiredDescription) ?? "job stopped";
