import type { Allocation } from "../allocation/allocation.ts";
import type { StopCause, StopOrder } from "../allocation/ladder.ts";
import { type GroupEnd, groupEnd, nextToStop } from "../allocation/siblings.ts";

export interface SiblingContext {
  /** The task whose end is that of its group; undefined where the job names none. */
  readonly leaderOf: (allocation: Allocation) => string | undefined;
  /** How a task's machine is stopped. */
  readonly stopOrderOf: (allocation: Allocation, task: string, cause: StopCause) => StopOrder;
}

/**
 * Tells the machines of one allocation what becomes of them when another one of it ends, or all are to stop. Nothing here is written
 * down: after an agent's restart the records say the same again.
 */
export class Siblings {
  readonly #context: SiblingContext;
  readonly #tell: (task: string, order: StopOrder) => void;
  /** How each is stopped, once all are to stop. */
  #orderFor: ((task: string) => StopOrder) | null = null;
  /** False until it is known what became of each machine while no agent looked. */
  #settled: boolean;

  /** @param tell hands an order to stop to a machine; what was told already changes nothing there. */
  constructor(context: SiblingContext, tell: (task: string, order: StopOrder) => void, settled: boolean) {
    this.#context = context;
    this.#tell = tell;
    this.#settled = settled;
  }

  /** Goes through with what followed from the records while no agent looked. */
  settle(allocation: Allocation): void {
    this.#settled = true;
    this.look(allocation);
  }

  /** Stops all machines, the leader of the group first: the others follow when it has ended, as in Nomad. A signal waits for nobody. */
  stop(allocation: Allocation, orderFor: (task: string) => StopOrder): void {
    this.#orderFor ??= orderFor;
    const leader = this.#leaderOf(allocation);
    const leads = leader !== undefined && allocation.tasks[leader]?.machine.kind !== "ended";
    for (const task of Object.keys(allocation.tasks)) {
      const order = orderFor(task);
      if (!leads || task === leader || order.force !== undefined) this.#tell(task, order);
    }
  }

  /** To be called after whatever happened to one of the machines. */
  look(allocation: Allocation): void {
    if (!this.#settled || Object.keys(allocation.tasks).length < 2) return;
    const leader = this.#leaderOf(allocation);
    // What a former agent recorded that it stops is gone through with for its own reason.
    const end = this.#orderFor === null && allocation.desired === "run" ? groupEnd(allocation.tasks, leader) : null;
    if (this.#orderFor === null && end === null) return;
    for (const task of nextToStop(allocation.tasks, leader)) {
      const order = end === null ? this.#orderFor?.(task) : this.#orderBecause(allocation, task, end);
      if (order !== undefined) this.#tell(task, order);
    }
  }

  #orderBecause(allocation: Allocation, task: string, end: GroupEnd): StopOrder {
    return { ...this.#context.stopOrderOf(allocation, task, end.cause), sibling: end.task };
  }

  /** Of one machine alone there is none to ask for. */
  #leaderOf(allocation: Allocation): string | undefined {
    return Object.keys(allocation.tasks).length < 2 ? undefined : this.#context.leaderOf(allocation);
  }
}
