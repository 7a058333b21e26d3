import { type Allocation, isTerminal } from "../allocation/allocation.ts";
import type { StopCause, StopOrder } from "../allocation/ladder.ts";
import type { Clock } from "../base/clock.ts";

export interface RunTimeKeeperContext {
  readonly clock: Clock;
  /** How long an allocation may run, in milliseconds from its first start; null for as long as it likes. */
  readonly runTimeOf: (allocation: Allocation) => number | null;
  /** How a task's machine is stopped. */
  readonly stopOrderOf: (allocation: Allocation, task: string, cause: StopCause) => StopOrder;
}

/** What the keeper needs of an allocation's actor. */
export interface TimedAllocation {
  readonly allocation: Allocation;
  stop(orderFor: (task: string) => StopOrder): void;
}

/** Stops the machines of allocations that have run for as long as their job allows (`max_run_duration`). */
export class RunTimeKeeper {
  readonly #context: RunTimeKeeperContext;
  /** Ends of waits, by the allocation. */
  readonly #waits = new Map<string, { readonly due: number; readonly cancel: () => void }>();

  constructor(context: RunTimeKeeperContext) {
    this.#context = context;
  }

  /** Looks at an allocation after whatever happened to one of its machines, or to its job. */
  see(actor: TimedAllocation): void {
    const { id } = actor.allocation;
    const due = this.#dueOf(actor.allocation);
    if (due === this.#waits.get(id)?.due) return;
    this.#forget(id);
    if (due === undefined) return;
    const wait = Math.max(0, due - this.#context.clock.now());
    this.#waits.set(id, { due, cancel: this.#context.clock.after(wait, () => this.#expire(actor)) });
  }

  close(): void {
    for (const id of [...this.#waits.keys()]) this.#forget(id);
  }

  #forget(id: string): void {
    this.#waits.get(id)?.cancel();
    this.#waits.delete(id);
  }

  /** In milliseconds since 1970. */
  #dueOf(allocation: Allocation): number | undefined {
    if (isTerminal(allocation)) return undefined;
    const starts = Object.values(allocation.tasks).flatMap(({ firstStart }) => firstStart ?? []);
    const most = starts.length === 0 ? null : this.#context.runTimeOf(allocation);
    return most === null ? undefined : Math.min(...starts) + most;
  }

  #expire(actor: TimedAllocation): void {
    const { allocation } = actor;
    this.#forget(allocation.id);
    const due = this.#dueOf(allocation);
    if (due === undefined) return;
    const at = this.#context.clock.now();
    // The clock was set back, or another version of the job allows more.
    if (at < due) {
      this.see(actor);
      return;
    }
    actor.stop((task) => this.#context.stopOrderOf(allocation, task, "max_run_duration is over"));
  }
}
