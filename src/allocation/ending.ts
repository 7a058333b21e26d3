import type { CgroupNumbers } from "../cgroup/numbers.ts";
import type { LadderTry, StopOrder } from "./ladder.ts";

/** Why a machine is no more, in QEMU's words where QEMU has one (`ShutdownCause`). */
export type EndReason =
  | "guest-shutdown"
  | "guest-reset"
  | "guest-panic"
  | "host-signal"
  | "host-qmp-quit"
  /** A signal that a process cannot catch, or does not, ended QEMU before it could say anything: SIGKILL. */
  | "killed"
  /** The kernel killed QEMU for want of memory: its own limit's or the host's. */
  | "oom"
  /** A fault of QEMU's own, or a system call that its sandbox forbids: SIGSEGV, SIGABRT, SIGSYS, … */
  | "qemu-crash"
  /** QEMU gave up by itself: a bad argument, a disk it could not open. */
  | "qemu-error"
  /** It never had a process: artifact, image, port, policy. */
  | "not-started"
  /** The host was started anew meanwhile. */
  | "host-reboot"
  /** No evidence is left that says how it ended. */
  | "lost";

/** How a machine ended: the receipt. */
export interface Ending {
  readonly reason: EndReason;
  /** Failure in Nomad's sense: exit code not 0, not started, lost. */
  readonly failed: boolean;
  /** QEMU's exit status 0 to 255 as a shell has it (above 128 a signal), null when there was no process or nobody knows. */
  readonly exitCode: number | null;
  /** Signal number, 0 for none. */
  readonly signal: number;
  /** Milliseconds since 1970. */
  readonly at: number;
  /** One or two sentences for people. */
  readonly message: string;
  /** What to do about it. */
  readonly hint: string | null;
  /** What the kernel counted of it; absent or null where it had no control group. */
  readonly cgroup?: CgroupNumbers | null;
  /** The stop that led to it; null when it ended by itself. */
  readonly stop: StopReceipt | null;
}

export interface StopReceipt {
  readonly order: StopOrder;
  readonly tries: readonly LadderTry[];
  /** The rung that worked; null when it ended before any was tried. */
  readonly rung: LadderTry["rung"] | null;
  /** Milliseconds from the request to the end. */
  readonly took: number;
}
