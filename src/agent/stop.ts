import type { Allocation } from "../allocation/allocation.ts";
import type { StopCause, StopOrder } from "../allocation/ladder.ts";
import type { Clock } from "../base/clock.ts";
import { toMillis } from "../base/units.ts";
import type { Job } from "../job/job.ts";
import type { AgentContext } from "./context.ts";

/** Stops an allocation's machines as their job says. */
export function stopMachines(context: AgentContext, allocation: Allocation, job: Job, cause: StopCause): void {
  const orderFor = (task: string): StopOrder => stopOrder(job, { group: allocation.group, task }, cause, context.clock);
  context.supervisor.stop(allocation.id, orderFor, cause);
}

/** How a task's machine is stopped, by its job as it was placed; at once when nothing is known of it any more. */
export function stopOrder(
  job: Job | undefined,
  place: { readonly group: string; readonly task: string },
  cause: StopCause,
  clock: Clock,
): StopOrder {
  const group = job?.groups.find(({ name }) => name === place.group);
  const task = group?.tasks.find(({ name }) => name === place.task);
  return {
    cause,
    requestedAt: clock.now(),
    graceful: task?.config.graceful_shutdown ?? false,
    // Nomad waits for the group's delay first and then for the task's.
    shutdownDelay: toMillis((group?.shutdown_delay ?? 0) + (task?.shutdown_delay ?? 0)),
    killTimeout: toMillis(task?.kill_timeout ?? 0),
  };
}
