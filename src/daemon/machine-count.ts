import type { Allocation } from "../allocation/allocation.ts";
import type { MachineStateKind } from "../allocation/machine.ts";
import { type Clock, delay } from "../base/clock.ts";
import type { ChangeSignal } from "../events/bus.ts";

/** Least time between two counts, in milliseconds: a busy agent does not count all day. */
const PAUSE = 1_000;

/** What a machine does, for one line about all of them; what has ended is not counted. */
const DOES: Readonly<Record<MachineStateKind, string | null>> = {
  pending: "starting",
  preparing: "starting",
  starting: "starting",
  running: "running",
  stopping: "stopping",
  backoff: "waiting to start again",
  ended: null,
};

/** How many machines there are, such as `2 machines running, 1 starting`. */
export function countMachines(allocations: readonly Allocation[]): string {
  const counts = new Map<string, number>();
  for (const { tasks } of allocations) {
    for (const { machine } of Object.values(tasks)) {
      const does = DOES[machine.kind];
      if (does !== null) counts.set(does, (counts.get(does) ?? 0) + 1);
    }
  }
  const running = counts.get("running") ?? 0;
  counts.delete("running");
  const noun = running === 1 ? "machine" : "machines";
  return [`${running} ${noun} running`, ...[...counts].map(([does, count]) => `${count} ${does}`)].join(", ");
}

export interface CountingContext {
  readonly changes: ChangeSignal;
  readonly live: () => readonly Allocation[];
  readonly tell: (text: string) => Promise<void>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Tells the count of the machines whenever it is another one, until `signal` aborts. @param told what was told already. */
export async function tellCounts(told: string, context: CountingContext): Promise<void> {
  const { changes, live, tell, clock, signal } = context;
  let last = told;
  let seen = 0;
  while (!signal.aborted) {
    seen = await changes.waitAbove(seen, signal);
    if (signal.aborted) return;
    const text = countMachines(live());
    if (text !== last) await tell(text);
    last = text;
    await delay(PAUSE, clock);
  }
}
