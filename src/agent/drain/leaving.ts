import type { Allocation } from "../../allocation/allocation.ts";
import type { StopOrder } from "../../allocation/ladder.ts";
import type { MachineState } from "../../allocation/machine.ts";
import { isToStayDown } from "../../allocation/order.ts";
import { groupEnd } from "../../allocation/siblings.ts";
import { isBatch } from "../../job/is-batch.ts";
import type { Job } from "../../job/job.ts";
import type { DrainStrategy } from "../../node/drain.ts";
import type { AgentContext } from "../context.ts";
import { leaderOf } from "../restart-rule.ts";

type Context = Pick<AgentContext, "store">;

/** The job as it was when an allocation was placed; undefined once it was purged. */
export const jobOf = ({ store }: Context, { jobId, jobVersion }: Allocation): Job | undefined =>
  store.jobVersion(jobId, jobVersion)?.job ?? store.job(jobId)?.job;

/** The allocations whose end a drain waits for. */
export function leaving(context: Context, { ignoreSystem }: Pick<DrainStrategy, "ignoreSystem">): Allocation[] {
  return context.store
    .liveAllocations()
    .filter((allocation) => !ignoreSystem || jobOf(context, allocation)?.type !== "system");
}

/**
 * Those of them that are to be told now that they stop: services at once, system jobs when there are no others any more, and batch
 * jobs, which end by themselves, when the deadline is over. Of batch jobs too what has not begun yet: nothing of it would be lost.
 * Of what a reboot ended nothing starts again either, whatever its restart policy.
 * @param forced the deadline is over.
 */
export function dueNow(
  context: Pick<AgentContext, "store" | "supervisor">,
  strategy: Pick<DrainStrategy, "ignoreSystem" | "bootId">,
  forced: boolean,
): readonly Allocation[] {
  const all = leaving(context, strategy).map((allocation) => ({ allocation, job: jobOf(context, allocation) }));
  const rebooted = strategy.bootId !== context.supervisor.bootId;
  const onlySystem = all.every(({ job }) => job?.type === "system");
  const isDue = ({ allocation, job }: (typeof all)[number]): boolean => {
    if (forced || rebooted || job === undefined) return true;
    if (job.type === "system") return onlySystem;
    return !(isBatch(job) && hasBegun(allocation));
  };
  return all
    .filter(({ allocation }) => allocation.desired === "run" && !endsAnyway(context, allocation))
    .filter(isDue)
    .map(({ allocation }) => allocation);
}

/** Whether all of it ends for another reason, after which nothing takes its place. */
function endsAnyway({ store }: Context, allocation: Allocation): boolean {
  if (groupEnd(allocation.tasks, leaderOf(store, allocation)) !== null) return true;
  return Object.values(allocation.tasks).every(({ machine }) => isToStayDown(machine));
}

/** Whether a machine of it has done something that would be lost. */
const hasBegun = ({ tasks }: Allocation): boolean =>
  Object.values(tasks).some(({ machine }) => machine.kind !== "pending" && machine.kind !== "preparing");

/** Whether each machine that is left of an allocation is being ended by force. */
export function isForcedOut({ tasks }: Allocation): boolean {
  return Object.values(tasks).every(({ machine }) => machine.kind === "ended" || orderOf(machine)?.force !== undefined);
}

function orderOf(machine: MachineState): StopOrder | null {
  switch (machine.kind) {
    case "preparing":
      return machine.cancelled;
    case "starting":
      return machine.stop;
    case "stopping":
      return machine.order;
    default:
      return null;
  }
}
