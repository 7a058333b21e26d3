import type { DiskFault, Standstill } from "./disk-fault.ts";
import type { Ending } from "./ending.ts";
import type { LadderTry, Rung, RungAnswer, StopOrder } from "./ladder.ts";
import type { Remains } from "./remains.ts";
import type { RestartDecision } from "./restart.ts";

/** What tells one process of this host from every other, also after its pid was given away again. */
export interface ProcessIdentity {
  /** `/proc/sys/kernel/random/boot_id`. */
  readonly bootId: string;
  readonly pid: number;
  /** Clock ticks after boot, field 22 of `/proc/PID/stat`. */
  readonly startTime: number;
}

/**
 * What QEMU says of the guest (`query-status`), in its own words; `unknown` until it answered, `unreachable` while the monitor is
 * not connected.
 */
export type GuestStatus = string;

/** A machine that has a process, or had one when the agent last looked. */
export interface Live {
  /** Counts the starts of this task from 1; names its journal and status file. */
  readonly generation: number;
  readonly identity: ProcessIdentity;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  readonly guest: GuestStatus;
  /** While the guest is in `io-error`; undefined otherwise, and in records of before. */
  readonly standstill?: Standstill | undefined;
  /** When the history last told of one, in milliseconds since 1970. */
  readonly standstillTold?: number | undefined;
  /** The first SHUTDOWN event, in milliseconds since 1970; the first cause of an end wins. */
  readonly shutdown: { readonly reason: string; readonly at: number } | null;
  /** True when a former agent had started it. */
  readonly adopted: boolean;
}

/** The life of one virtual machine: each state has only the fields that are valid in it. */
export type MachineState =
  /** Recorded, nothing done yet. */
  | { readonly kind: "pending" }
  /** Directories, artifacts, image and ports; can be cancelled, no process exists. */
  | { readonly kind: "preparing"; readonly generation: number; readonly cancelled: StopOrder | null }
  /** The intent is on disk; a process may exist. */
  | { readonly kind: "starting"; readonly generation: number; readonly since: number; readonly stop: StopOrder | null }
  | ({ readonly kind: "running" } & Live)
  | ({ readonly kind: "stopping"; readonly order: StopOrder; readonly tries: readonly LadderTry[] } & Live)
  /** Ended, and to start again at `until`, in milliseconds since 1970. */
  | { readonly kind: "backoff"; readonly generation: number; readonly ending: Ending; readonly until: number }
  /** `failed` in Nomad's sense: what the restart policy made of the last end. */
  | { readonly kind: "ended"; readonly generation: number; readonly ending: Ending; readonly failed: boolean };

export type MachineStateKind = MachineState["kind"];
export const MACHINE_STATES = [
  "pending",
  "preparing",
  "starting",
  "running",
  "stopping",
  "backoff",
  "ended",
] as const satisfies readonly MachineStateKind[];

/** What can happen to a machine; every event carries the time it was noticed, in milliseconds since 1970. */
export type MachineEvent =
  | { readonly kind: "begin"; readonly at: number }
  | { readonly kind: "prepared"; readonly at: number }
  | { readonly kind: "prepare_failed"; readonly at: number; readonly ending: Ending; readonly next: RestartDecision }
  | { readonly kind: "spawned"; readonly at: number; readonly identity: ProcessIdentity }
  | { readonly kind: "start_failed"; readonly at: number; readonly ending: Ending; readonly next: RestartDecision }
  | { readonly kind: "adopted"; readonly at: number; readonly identity: ProcessIdentity }
  | {
      readonly kind: "guest_status";
      readonly at: number;
      readonly status: GuestStatus;
      /** Of `io-error`, where QEMU told. */
      readonly fault?: DiskFault | undefined;
      /** True when a guest in `io-error` was paused by command, false when it was told to go on. */
      readonly held?: boolean | undefined;
    }
  | { readonly kind: "shutdown_seen"; readonly at: number; readonly reason: string }
  | { readonly kind: "stop_requested"; readonly at: number; readonly order: StopOrder }
  /** To be stopped and started again in place; the order says how it is stopped. */
  | { readonly kind: "restart_requested"; readonly at: number; readonly order: StopOrder }
  /** A check went on failing; `reason` is for people. */
  | {
      readonly kind: "unhealthy";
      readonly at: number;
      /** The start that was found unhealthy. */
      readonly generation: number;
      readonly order: StopOrder;
      readonly reason: string;
    }
  /** The next rung of the ladder may be due. */
  | { readonly kind: "tick"; readonly at: number }
  /** What came of a rung that was tried. */
  | { readonly kind: "rung_answered"; readonly at: number; readonly rung: Rung; readonly answer: RungAnswer }
  /** The process is gone and its evidence was read. */
  | {
      readonly kind: "gone";
      readonly at: number;
      readonly ending: Ending;
      readonly next: RestartDecision;
      /** For the post-mortem; no state depends on it. */
      readonly remains?: Remains;
    };

export type MachineEventKind = MachineEvent["kind"];
export const MACHINE_EVENTS = [
  "begin",
  "prepared",
  "prepare_failed",
  "spawned",
  "start_failed",
  "adopted",
  "guest_status",
  "shutdown_seen",
  "stop_requested",
  "restart_requested",
  "unhealthy",
  "tick",
  "rung_answered",
  "gone",
] as const satisfies readonly MachineEventKind[];
