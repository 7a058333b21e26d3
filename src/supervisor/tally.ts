import type { TaskRecord } from "../allocation/allocation.ts";
import type { Ending, EndReason } from "../allocation/ending.ts";
import type { Rung } from "../allocation/ladder.ts";
import type { MachineState } from "../allocation/machine.ts";
import type { TaskEvent, TaskEventType } from "../allocation/task-event.ts";

/** What has happened to machines since this agent was started; nothing in it ever goes back. */
export interface Counts {
  readonly ends: ReadonlyMap<EndReason, number>;
  /** Stops by the rung that worked; `none` when the machine ended before any was tried. */
  readonly stops: ReadonlyMap<Rung | "none", number>;
  readonly events: ReadonlyMap<TaskEventType, number>;
  /** Starts that a restart policy decided on. */
  readonly restarts: number;
}

/** Counts what the ledgers of all allocations have kept. */
export class Tally implements Counts {
  readonly ends = new Map<EndReason, number>();
  readonly stops = new Map<Rung | "none", number>();
  readonly events = new Map<TaskEventType, number>();
  restarts = 0;

  /** Counts what a change of a task's record says, once it is on disk. */
  count(before: TaskRecord, after: TaskRecord, reports: readonly TaskEvent[]): void {
    for (const { type } of reports) increment(this.events, type);
    this.restarts += Math.max(0, after.restarts - before.restarts);
    const ending = endingOf(after.machine);
    // A machine that waits for its next start and is stopped then has not ended a second time.
    if (ending === null || ending === endingOf(before.machine)) return;
    increment(this.ends, ending.reason);
    if (ending.stop !== null) increment(this.stops, ending.stop.rung ?? "none");
  }
}

function endingOf(machine: MachineState): Ending | null {
  return machine.kind === "backoff" || machine.kind === "ended" ? machine.ending : null;
}

function increment<K>(counts: Map<K, number>, key: K): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
