import { constants } from "node:os";
import type { QmpEvent } from "../qmp/event.ts";
import type { Ending, EndReason } from "./ending.ts";
import type { Evidence } from "./evidence.ts";
import { isOutOfMemory } from "./out-of-memory.ts";
import { describeEvidence, hintFor } from "./verdict-text.ts";

/** QEMU's shutdown causes (qapi/run-state.json, ShutdownCause) and what we call them. */
const CAUSES: ReadonlyMap<string, EndReason> = new Map([
  ["guest-shutdown", "guest-shutdown"],
  ["guest-reset", "guest-reset"],
  ["guest-panic", "guest-panic"],
  ["host-signal", "host-signal"],
  ["host-ui", "host-signal"],
  ["host-qmp-quit", "host-qmp-quit"],
  ["host-qmp-system-reset", "guest-reset"],
  ["host-error", "qemu-error"],
]);

/** Signals that a process gets for what it did itself (signal(7)); SIGSYS is the sandbox's. */
const FAULTS: ReadonlySet<number> = new Set(
  (["SIGSEGV", "SIGABRT", "SIGBUS", "SIGILL", "SIGFPE", "SIGTRAP", "SIGSYS"] as const).map(
    (name) => constants.signals[name],
  ),
);

/** Says how a machine ended: a panic first, then the journal's SHUTDOWN, then the wrapper's exit status, then nothing. */
export function judgeEnding(evidence: Evidence, at: number): Ending {
  const reason = reasonOf(evidence);
  const signal = evidence.exitStatus !== null && evidence.exitStatus > 128 ? evidence.exitStatus - 128 : 0;
  return {
    reason,
    failed: isFailure(reason, evidence.exitStatus),
    exitCode: evidence.exitStatus,
    signal,
    at,
    message: describeEvidence(reason, evidence, signal),
    hint: hintFor(reason, evidence, signal),
    cgroup: evidence.cgroup ?? null,
    stop: null,
  };
}

/**
 * Whether QEMU gave up before it ran a guest, so that it will the next time, too: a bad argument, a disk it could not open.
 * @param answered its monitor had told a state of the guest.
 */
export function isRefusal(ending: Ending, { journal }: Evidence, answered: boolean): boolean {
  return ending.reason === "qemu-error" && !answered && journal.length === 0;
}

function reasonOf(evidence: Evidence): EndReason {
  const { journal, exitStatus, rebooted } = evidence;
  const cause = shutdownCause(journal);
  // What ended a QEMU that held a panicked guest is only a consequence.
  if (isPanicked(journal) && cause !== "guest-shutdown") return "guest-panic";
  if (cause !== null) return CAUSES.get(cause) ?? "host-signal";
  if (isOutOfMemory(evidence)) return "oom";
  if (exitStatus !== null) {
    if (exitStatus > 128) return FAULTS.has(exitStatus - 128) ? "qemu-crash" : "killed";
    // QEMU exits 0 only after a SHUTDOWN or for `-version` and the like in `args`.
    return "qemu-error";
  }
  return rebooted ? "host-reboot" : "lost";
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

/** Whether the guest panicked and was not reset since (`-action panic=none` lets it go on). */
function isPanicked(journal: readonly QmpEvent[]): boolean {
  return journal.findLast(({ name }) => name === "GUEST_PANICKED" || name === "RESET")?.name === "GUEST_PANICKED";
}

function isFailure(reason: EndReason, exitStatus: number | null): boolean {
  if (reason === "guest-shutdown" || reason === "guest-reset") return exitStatus !== null && exitStatus !== 0;
  if (reason === "host-qmp-quit" || reason === "host-signal") return exitStatus !== null && exitStatus !== 0;
  return true;
}
