import type { Allocation } from "../allocation/allocation.ts";
import type { StopCause, StopOrder } from "../allocation/ladder.ts";
import { toMillis } from "../base/units.ts";
import type { Job } from "../job/job.ts";
import type { AgentContext } from "./context.ts";

/** Stops an allocation's machines as their job says. */
export function stopMachines(context: AgentContext, allocation: Allocation, job: Job, cause: StopCause): void {
  const group = job.groups.find(({ name }) => name === allocation.group);
  const orderFor = (name: string): StopOrder => {
    const task = group?.tasks.find((candidate) => candidate.name === name);
    return {
      cause,
      requestedAt: context.clock.now(),
      graceful: task?.config.graceful_shutdown ?? false,
      // Nomad waits for the group's delay first and then for the task's.
      shutdownDelay: toMillis((group?.shutdown_delay ?? 0) + (task?.shutdown_delay ?? 0)),
      killTimeout: toMillis(task?.kill_timeout ?? 0),
    };
  };
  context.supervisor.stop(allocation.id, orderFor, cause);
}
