import { formatDuration, MILLISECOND } from "../base/units.ts";
import type { Ending } from "./ending.ts";
import type { Rung } from "./ladder.ts";
import type { MachineState } from "./machine.ts";
import type { RestartDecision } from "./restart.ts";
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

/** One end of a machine. */
export interface Finish {
  readonly generation: number;
  readonly ending: Ending;
  /** When it was noticed, in milliseconds since 1970. */
  readonly at: number;
  /** QEMU was gone before its monitor said a word. */
  readonly neverAnswered?: boolean;
}

/** Ends a machine that was told to stop: whatever its end was, the task has not failed. */
export function endStopped(finish: Finish, more: readonly MachineEffect[] = []): Step {
  const { generation, ending } = finish;
  return {
    state: { kind: "ended", generation, ending, failed: false },
    effects: [{ kind: "clean_up" }, ...terminated(finish), ...more],
  };
}

/** Ends a machine that ended by itself, for good or until it starts again. */
export function endByItself(finish: Finish, next: RestartDecision): Step {
  const { generation, ending, at } = finish;
  const effects: MachineEffect[] = [{ kind: "clean_up" }, ...terminated(finish)];
  if (next.kind === "stay") {
    const last = next.failed ? [report("Not Restarting", at, next.reason, { restart_reason: next.reason }, true)] : [];
    return { state: { kind: "ended", generation, ending, failed: next.failed }, effects: [...effects, ...last] };
  }
  const until = at + next.delay;
  const message = `Task restarting in ${formatDuration(Math.round(next.delay) * MILLISECOND)}: ${next.reason}`;
  return {
    state: { kind: "backoff", generation, ending, until },
    effects: [
      ...effects,
      report("Restarting", at, message, { restart_reason: next.reason }),
      { kind: "wake", at: until },
    ],
  };
}

/** Ends a machine that was told to start again: it does so at once, whatever its restart policy. @param how it was stopped. */
export function endForRestart(finish: Finish, how: string): Step {
  const { generation, ending, at } = finish;
  const message = `Task restarting by command: ${how}`;
  return {
    state: { kind: "backoff", generation, ending, until: at },
    effects: [
      { kind: "clean_up" },
      ...terminated(finish),
      report("Restarting", at, message, { restart_reason: "restart requested" }),
      { kind: "wake", at },
    ],
  };
}

function terminated({ ending, at, neverAnswered }: Finish): MachineEffect[] {
  if (ending.reason === "not-started") return [];
  const type = neverAnswered && ending.reason === "qemu-error" ? "Driver Failure" : "Terminated";
  const details = {
    exit_code: ending.exitCode === null ? "unknown" : String(ending.exitCode),
    signal: String(ending.signal),
    reason: ending.reason,
    oom_killed: String(ending.reason === "oom"),
  };
  return [report(type, at, ending.message, details)];
}

/** Adds an event to the task's history. @param time in milliseconds since 1970. */
export function report(
  type: TaskEventType,
  time: number,
  message: string,
  details: Readonly<Record<string, string>> = {},
  failsTask = false,
): Extract<MachineEffect, { kind: "report" }> {
  return { kind: "report", event: { type, time, message, details, failsTask } };
}
