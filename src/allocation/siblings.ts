import { type TaskRecord, taskFailed } from "./allocation.ts";
import type { StopCause } from "./ladder.ts";
import type { MachineState } from "./machine.ts";
import { isToStayDown } from "./order.ts";

/*
 * What the machines of one allocation have to do with each other; Nomad's rules. All of it follows from the records, so that an agent
 * that is killed at any moment leaves its successor nothing to remember.
 */

type Tasks = Readonly<Record<string, Pick<TaskRecord, "machine">>>;

/** Why the machines of an allocation that still live are to end. */
export interface GroupEnd {
  readonly cause: Extract<StopCause, "sibling task failed" | "leader task dead">;
  /** The task whose end it is. */
  readonly task: string;
}

/**
 * Whether one of a group's machines takes the others along: one that failed for good, or the leader that ended otherwise, which Nomad
 * tells first. A leader that was itself taken along by another one's failure changes nothing about whose it was.
 * @param leader undefined where the group has none. @returns null while the others go on.
 */
export function groupEnd(tasks: Tasks, leader: string | undefined): GroupEnd | null {
  if (leader !== undefined && hasLed(tasks[leader]?.machine)) return { cause: "leader task dead", task: leader };
  const failed = Object.entries(tasks).find(([, { machine }]) => taskFailed(machine));
  return failed === undefined ? null : { cause: "sibling task failed", task: failed[0] };
}

function hasLed(machine: MachineState | undefined): boolean {
  if (machine?.kind !== "ended" || machine.failed) return false;
  // It was about to start again when it was told to stop: of that nothing stands in its last end, which was a failure.
  if (machine.ending.failed) return false;
  return machine.ending.stop?.order.cause !== "sibling task failed";
}

/**
 * Who is to be told now that all of a group is to stop: its leader alone as long as that lives, then the others at once. Those that were
 * told already are left out.
 */
export function nextToStop(tasks: Tasks, leader: string | undefined): readonly string[] {
  const live = Object.keys(tasks).filter((task) => tasks[task]?.machine.kind !== "ended");
  const turn = leader !== undefined && live.includes(leader) ? [leader] : live;
  return turn.filter((task) => {
    const machine = tasks[task]?.machine;
    return machine !== undefined && !isToStayDown(machine);
  });
}
