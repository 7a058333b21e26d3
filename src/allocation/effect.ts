import type { Ending } from "./ending.ts";
import type { Rung } from "./ladder.ts";
import type { MachineState } from "./machine.ts";
import type { TaskEvent, TaskEventType } from "./task-event.ts";

/** What the supervisor is to do; a value, so that what is decided can be tested without a process. */
export type MachineEffect =
  /** Fetch, check and plan; answers `prepared` or `prepare_failed`. */
  | { readonly kind: "prepare"; readonly generation: number }
  | { readonly kind: "cancel_prepare" }
  /** Spawn; answers `spawned` or `start_failed`. */
  | { readonly kind: "launch"; readonly generation: number }
  /** Hold the monitor and wait for the process to go; answers `guest_status`, `shutdown_seen`, `gone`. */
  | { readonly kind: "watch" }
  /** Try a rung; answers `rung_answered`. */
  | { readonly kind: "climb"; readonly rung: Rung }
  /** Send `tick` at this time, in milliseconds since 1970; replaces an earlier one. */
  | { readonly kind: "wake"; readonly at: number }
  /** Add to the task's history. */
  | { readonly kind: "report"; readonly event: TaskEvent }
  /** Remove sockets, close descriptors and timers. */
  | { readonly kind: "clean_up" };

export interface Step {
  readonly state: MachineState;
  readonly effects: readonly MachineEffect[];
}

/** Ends a machine with what is reported of it. @param neverAnswered QEMU was gone before its monitor said a word. */
export function end(
  generation: number,
  ending: Ending,
  at: number,
  more: readonly MachineEffect[] = [],
  neverAnswered = false,
): Step {
  const effects: MachineEffect[] = [{ kind: "clean_up" }];
  if (ending.reason !== "not-started") {
    const type = neverAnswered && ending.reason === "qemu-error" ? "Driver Failure" : "Terminated";
    effects.push(
      report(type, at, ending.message, {
        exit_code: ending.exitCode === null ? "unknown" : String(ending.exitCode),
        signal: String(ending.signal),
        reason: ending.reason,
      }),
    );
  }
  return { state: { kind: "ended", generation, ending }, effects: [...effects, ...more] };
}

/** Adds an event to the task's history. @param time in milliseconds since 1970. */
export function report(
  type: TaskEventType,
  time: number,
  message: string,
  details: Readonly<Record<string, string>> = {},
): Extract<MachineEffect, { kind: "report" }> {
  return { kind: "report", event: { type, time, message, details, failsTask: false } };
}
