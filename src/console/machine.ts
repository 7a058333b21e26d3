import type { Allocation } from "../allocation/allocation.ts";
import type { MachineState } from "../allocation/machine.ts";

/** Whether the machine has ended for good. */
export function isOver({ tasks }: Allocation, task: string): boolean {
  return tasks[task]?.machine.kind === "ended";
}

/** Whether there is a process that could read what is typed. */
export function takesInput({ kind }: MachineState): boolean {
  return kind === "running" || kind === "stopping";
}

/** What viewers are told of a machine. @param now milliseconds since 1970. */
export function describeMachine(machine: MachineState, now: number) {
  return { Type: "machine", Machine: machine.kind, Message: stateText(machine, now) } as const;
}

function stateText(machine: MachineState, now: number): string {
  switch (machine.kind) {
    case "running":
      return "the machine runs";
    case "stopping":
      return "the machine is being stopped";
    case "backoff":
      return `${machine.ending.message}; it starts again in ${Math.max(0, Math.round((machine.until - now) / 1000))} s`;
    case "ended":
      return machine.ending.message;
    default:
      return "the machine has not started yet";
  }
}
