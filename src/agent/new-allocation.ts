import type { Allocation } from "../allocation/allocation.ts";
import type { TaskEvent } from "../allocation/task-event.ts";
import { newId } from "../base/ids.ts";
import type { Evaluation, JobRecord } from "../state/records.ts";
import type { AgentContext } from "./context.ts";
import type { PlacedGroup } from "./decide.ts";
import { predecessorOf } from "./disk/predecessor.ts";
import type { Moment } from "./evaluation.ts";
import { chooseUsers } from "./machine-users.ts";
import { stopMachines } from "./stop.ts";

/**
 * Records the allocations that a decision leads to, as they are before anything of them was done.
 * @throws AppError `unplaceable` when no user is left for a machine.
 */
export function putAllocations(
  context: AllocationContext,
  { record, evaluation, groups }: { record: JobRecord; evaluation: Evaluation; groups: readonly PlacedGroup[] },
  moment: Moment,
): Allocation[] {
  // One after the other: what one has taken, the next one must see.
  return groups.map((placed) => {
    const made = newAllocation(context, record, evaluation, placed, moment);
    keepNew(context.store, made);
    return made;
  });
}

/** Writes a placed allocation, its first event into the history, too. */
function keepNew(store: AgentContext["store"], allocation: Allocation): void {
  store.putAllocation(allocation);
  for (const [task, { events }] of Object.entries(allocation.tasks)) {
    for (const event of events) store.appendEvent(allocation.id, task, event);
  }
}

type AllocationContext = Pick<AgentContext, "node" | "users" | "store">;

function newAllocation(
  context: AllocationContext,
  record: JobRecord,
  evaluation: Evaluation,
  { group, ports, resources }: PlacedGroup,
  { index, now }: Moment,
): Allocation {
  const received: TaskEvent = {
    type: "Received",
    time: now,
    message: "Task received by client",
    details: {},
    failsTask: false,
  };
  const users = chooseUsers(context.users, group.tasks);
  const previous = predecessorOf(context.store, record.job.id, group.name);
  return {
    id: newId(),
    name: `${record.job.id}.${group.name}[0]`,
    index: 0,
    jobId: record.job.id,
    jobVersion: record.version,
    group: group.name,
    evalId: evaluation.id,
    ...(previous !== undefined && { previousAllocation: previous.id }),
    nodeId: context.node().id,
    desired: "run",
    desiredDescription: "",
    ports,
    resources,
    tasks: Object.fromEntries(
      group.tasks.map((task) => [
        task.name,
        {
          machine: { kind: "pending" },
          events: [received],
          restarts: 0,
          window: null,
          fetched: false,
          user: users.get(task.name) ?? null,
          lastRestart: 0,
          startedAt: 0,
          finishedAt: 0,
        },
      ]),
    ),
    createTime: now,
    modifyTime: now,
    createIndex: index,
    modifyIndex: index,
  };
}

export function liveAllocations({ store }: Pick<AgentContext, "store">, jobId: string): Allocation[] {
  return store.liveAllocations().filter((allocation) => allocation.jobId === jobId);
}

/**
 * Does what was recorded: the old machines of a job are stopped, and the new ones begin when they have ended. These come first, so
 * that they are known whatever becomes of the stop.
 */
export function replaceAllocations(
  context: AgentContext,
  { job }: JobRecord,
  replaced: readonly Allocation[],
  placed: readonly Allocation[],
): void {
  for (const allocation of placed) context.supervisor.start(allocation);
  for (const allocation of replaced) {
    const started = context.store.jobVersion(job.id, allocation.jobVersion)?.job ?? job;
    stopMachines(context, { allocation, job: started }, "job updated");
  }
}
