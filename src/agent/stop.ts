import type { Allocation } from "../allocation/allocation.ts";
import type { ForceSignal, StopCause, StopOrder } from "../allocation/ladder.ts";
import { toMillis } from "../base/units.ts";
import type { Job } from "../job/job.ts";
import type { AgentContext } from "./context.ts";

/** How a stop differs from what the job says. */
export interface StopOptions {
  /** Ends QEMU by this signal without asking anybody. */
  readonly force?: ForceSignal | undefined;
  /** Does not wait for `shutdown_delay`. */
  readonly noShutdownDelay?: boolean | undefined;
}

/**
 * How a task's machine is stopped by what its job says; of a job that is no more nothing is known, so its guest is not asked.
 * @param job as it was when the allocation was placed.
 */
export function stopOrder(
  { clock, policy }: Pick<AgentContext, "clock" | "policy">,
  placed: { readonly job: Job | undefined; readonly group: string; readonly task: string },
  cause: StopCause,
  { force, noShutdownDelay }: StopOptions = {},
): StopOrder {
  const group = placed.job?.groups.find(({ name }) => name === placed.group);
  const task = group?.tasks.find((candidate) => candidate.name === placed.task);
  // Nomad waits for the group's delay first and then for the task's.
  const delay = (group?.shutdown_delay ?? 0) + (task?.shutdown_delay ?? 0);
  return {
    cause,
    requestedAt: clock.now(),
    graceful: task?.config.graceful_shutdown ?? false,
    shutdownDelay: noShutdownDelay === true ? 0 : toMillis(delay),
    killTimeout: toMillis(Math.min(task?.kill_timeout ?? 0, policy.maxKillTimeout)),
    ...(task?.config.guest_agent === true ? { guestAgent: true } : {}),
    ...(force === undefined ? {} : { force }),
  };
}

/** Stops an allocation's machines as their job says. */
export function stopMachines(
  context: AgentContext,
  { allocation, job }: { readonly allocation: Allocation; readonly job: Job | undefined },
  cause: StopCause,
  options: StopOptions = {},
): void {
  const orderFor = (task: string): StopOrder =>
    stopOrder(context, { job, group: allocation.group, task }, cause, options);
  context.supervisor.stop(allocation.id, orderFor, cause);
}
