import type { Allocation } from "../../allocation/allocation.ts";
import { isSamePlace, type Place, placeName } from "../../allocation/place.ts";
import type { TaskEvent } from "../../allocation/task-event.ts";
import { newId } from "../../base/ids.ts";
import type { JobRecord } from "../../state/records.ts";
import type { AgentContext } from "../context.ts";
import { predecessorsOf } from "../disk/predecessor.ts";
import { chooseUsers } from "../start/machine-users.ts";
import { stopMachines } from "../stop.ts";
import type { PlacedCopy } from "./decide.ts";
import type { Moment } from "./evaluation.ts";

/**
 * Records the allocations that a decision leads to, as they are before anything of them was done.
 * @throws AppError `unplaceable` when no user is left for a machine.
 */
export function putAllocations(
  context: AllocationContext,
  { placed, ...placing }: Placing,
  moment: Moment,
): Allocation[] {
  const predecessorOf = predecessorsOf(context.store, placing.record.job.id);
  // One after the other: what one has taken, the next one must see.
  return placed.map((copy) => {
    const made = newAllocation(context, { ...placing, predecessorOf }, copy, moment);
    keepNew(context.store, made);
    return made;
  });
}

interface Placing {
  readonly record: JobRecord;
  readonly placed: readonly PlacedCopy[];
  /** The id of the evaluation that led to a group's copies. */
  readonly evalOf: (group: string) => string;
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
  { record, evalOf, predecessorOf }: Omit<Placing, "placed"> & { predecessorOf: ReturnType<typeof predecessorsOf> },
  { group, index: copy, ports, resources, waitsFor }: PlacedCopy,
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
  const place: Place = { group: group.name, index: copy };
  const previous = predecessorOf(place);
  return {
    id: newId(),
    name: placeName(record.job.id, place),
    ...place,
    jobId: record.job.id,
    jobVersion: record.version,
    evalId: evalOf(group.name),
    ...(previous !== undefined && { previousAllocation: previous.id }),
    waitsFor,
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

/** Begins with allocations that were recorded, and stops what runs in their places. */
export function startAllocations(context: AgentContext, record: JobRecord, placed: readonly Allocation[]): void {
  // These first, so that they are known whatever becomes of the stops.
  for (const allocation of placed) context.supervisor.start(allocation);
  const made = new Set(placed.map(({ id }) => id));
  const older = liveAllocations(context, record.job.id).filter(({ id, desired }) => desired === "run" && !made.has(id));
  for (const allocation of older) {
    if (placed.some((one) => isSamePlace(one, allocation))) stopReplaced(context, record, allocation);
  }
}

/** Stops an allocation whose job asks for another one in its place, or for none. */
export function stopReplaced(context: AgentContext, { job }: JobRecord, allocation: Allocation): void {
  const started = context.store.jobVersion(job.id, allocation.jobVersion)?.job ?? job;
  stopMachines(context, { allocation, job: started }, "job updated");
}
