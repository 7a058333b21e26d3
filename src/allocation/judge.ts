import { constants } from "node:os";
import { escapeControls } from "../base/text.ts";
import type { CgroupNumbers } from "../cgroup/numbers.ts";
import type { QmpEvent } from "../qmp/event.ts";
import type { Ending, EndReason } from "./ending.ts";
import { describeOutOfMemory, isOutOfMemory, outOfMemoryHint } from "./out-of-memory.ts";

/** What is left of a machine whose process is gone. All of it but `rebooted` and `cgroup` was in reach of the guest's QEMU: nothing of it is believed about anything but this machine. */
export interface Evidence {
  /** Every event of the journal, oldest first. */
  readonly journal: readonly QmpEvent[];
  /** N of the wrapper's `exit N`; null when the wrapper did not live to write it. */
  readonly exitStatus: number | null;
  /** The last lines of QEMU's stderr. */
  readonly stderr: string;
  /** True when the host was started anew since. */
  readonly rebooted: boolean;
  /** The kernel's own counters, out of the guest's reach; absent or null where the machine had no control group. */
  readonly cgroup?: CgroupNumbers | null;
}

/** QEMU's shutdown causes (qapi/run-state.json, ShutdownCause) and what we call them. */
const CAUSES: Readonly<Record<string, EndReason>> = {
  "guest-shutdown": "guest-shutdown",
  "guest-reset": "guest-reset",
  "guest-panic": "guest-panic",
  "host-signal": "host-signal",
  "host-ui": "host-signal",
  "host-qmp-quit": "host-qmp-quit",
  "host-qmp-system-reset": "guest-reset",
  "host-error": "qemu-error",
};

/** QEMU's words when the lock of a disk is held (block/file-posix.c); by descriptor it cannot name the file. */
const IMAGE_LOCKED = /Failed to get .* lock|Is another process using the image/;

const MESSAGES: Readonly<Record<EndReason, string>> = {
  "guest-shutdown": "the guest powered off",
  "guest-reset": "the guest reset and QEMU was told not to reboot it",
  "guest-panic": "the guest's kernel panicked",
  "host-signal": "QEMU was ended by a signal of the host",
  "host-qmp-quit": "QEMU was told to quit through its monitor",
  killed: "QEMU was killed",
  oom: "the kernel killed QEMU for want of memory",
  "qemu-error": "QEMU gave up",
  "not-started": "the machine was not started",
  "host-reboot": "the host was started anew",
  lost: "the machine is gone and nothing is left that says why",
};

/** Says how a machine ended: the journal's SHUTDOWN first, then the wrapper's exit status, then nothing. */
export function judgeEnding(evidence: Evidence, at: number): Ending {
  const reason = reasonOf(evidence);
  const signal = evidence.exitStatus !== null && evidence.exitStatus > 128 ? evidence.exitStatus - 128 : 0;
  return {
    reason,
    failed: isFailure(reason, evidence.exitStatus),
    exitCode: evidence.exitStatus,
    signal,
    at,
    message: describe(reason, evidence, signal),
    hint: hintFor(reason, signal, evidence),
    cgroup: evidence.cgroup ?? null,
    stop: null,
  };
}

function reasonOf(evidence: Evidence): EndReason {
  const cause = shutdownCause(evidence.journal);
  if (cause !== null) return CAUSES[cause] ?? "host-signal";
  if (isOutOfMemory(evidence)) return "oom";
  if (evidence.exitStatus !== null) {
    if (evidence.exitStatus > 128) return "killed";
    // QEMU exits 0 only after a SHUTDOWN or for `-version` and the like in `args`.
    return "qemu-error";
  }
  return evidence.rebooted ? "host-reboot" : "lost";
}

/** The first SHUTDOWN since the guest last ran: what came after it are consequences. */
function shutdownCause(journal: readonly QmpEvent[]): string | null {
  let cause: string | null = null;
  for (const event of journal) {
    if (event.name === "RESET") cause = null;
    if (event.name !== "SHUTDOWN") continue;
    const reason = event.data["reason"];
    cause ??= typeof reason === "string" ? reason : "";
  }
  return cause;
}

function isFailure(reason: EndReason, exitStatus: number | null): boolean {
  if (reason === "guest-shutdown" || reason === "guest-reset") return exitStatus !== null && exitStatus !== 0;
  if (reason === "host-qmp-quit" || reason === "host-signal") return exitStatus !== null && exitStatus !== 0;
  return true;
}

function describe(reason: EndReason, evidence: Evidence, signal: number): string {
  const base = MESSAGES[reason];
  if (reason === "oom") return describeOutOfMemory(evidence.cgroup) ?? base;
  if (reason === "killed") return `${base} by ${signalName(signal)}`;
  if (reason === "qemu-error" && IMAGE_LOCKED.test(evidence.stderr)) {
    return "QEMU gave up: the image is in use by another process, which holds its write lock";
  }
  if (reason === "qemu-error" && evidence.exitStatus === 0) {
    return "QEMU ended at once without running a guest: something in args makes it print and end";
  }
  if (reason === "qemu-error") {
    const words = lastLine(evidence.stderr);
    const status = evidence.exitStatus === null ? "" : ` with exit status ${evidence.exitStatus}`;
    return words === "" ? `${base}${status}` : `${base}${status}: ${words}`;
  }
  return base;
}

function hintFor(reason: EndReason, signal: number, evidence: Evidence): string | null {
  if (reason === "oom") return outOfMemoryHint(evidence.cgroup);
  if (reason === "killed" && signal === constants.signals.SIGKILL && evidence.cgroup?.oomKills === 0) {
    return "the kernel did not run out of memory: somebody sent SIGKILL";
  }
  if (reason === "killed" && signal === constants.signals.SIGKILL) {
    return "if nobody sent SIGKILL, the kernel ran out of memory: see the kernel log";
  }
  if (reason === "killed" && signal === constants.signals.SIGSYS) {
    return "QEMU's sandbox forbids a system call that something in args led to: see what the job's args ask QEMU to start or open";
  }
  if (reason === "qemu-error" && IMAGE_LOCKED.test(evidence.stderr)) {
    return "two machines may not write to one image: paddock ps shows which runs, and qemu-img check tells whether another program has it open";
  }
  if (reason === "qemu-error" && evidence.exitStatus === 0) return "leave options such as -version and -h out of args";
  if (reason === "qemu-error") return "QEMU's own words are in the task's stderr log";
  if (reason === "lost") return "both QEMU and its wrapper were killed; the serial log may tell more";
  return null;
}

/** `SIGSEGV` for 11; `signal 77` for a number without a name. */
export function signalName(signal: number): string {
  const found = Object.entries(constants.signals).find(([, number]) => number === signal);
  return found?.[0] ?? `signal ${signal}`;
}

function lastLine(text: string): string {
  const line = text.trimEnd().split("\n").at(-1) ?? "";
  return escapeControls(line.slice(0, 500)).trim();
}
