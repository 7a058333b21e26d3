import { constants } from "node:os";
import { escapeControls } from "../base/text.ts";
import type { QmpEvent } from "../qmp/event.ts";
import type { EndReason } from "./ending.ts";
import type { Evidence } from "./evidence.ts";
import { describeOutOfMemory, outOfMemoryHint } from "./out-of-memory.ts";

/** QEMU's words when the lock of a disk is held (block/file-posix.c); by descriptor it cannot name the file. */
const IMAGE_LOCKED = /Failed to get .* lock|Is another process using the image/;

/** QEMU's words for the signal that it caught, and who sent it (os-posix.c); the name is what the sender calls itself. */
const TERMINATED = /terminating on signal (\d{1,2})(?: from pid (\d{1,10})(?: \(([^\n]{0,500})\))?)?/g;

const MESSAGES: Readonly<Record<EndReason, string>> = {
  "guest-shutdown": "the guest powered off",
  "guest-reset": "the guest reset and QEMU was told not to reboot it",
  "guest-panic": "the guest's kernel panicked",
  "host-signal": "QEMU was ended by a signal of the host",
  "host-qmp-quit": "QEMU was told to quit through its monitor",
  killed: "QEMU was killed",
  oom: "the kernel killed QEMU for want of memory",
  "qemu-crash": "QEMU crashed",
  "qemu-error": "QEMU gave up",
  "not-started": "the machine was not started",
  "host-reboot": "the host was started anew",
  lost: "the machine is gone and nothing is left that says why",
};

/** An end in one sentence. @param signal that ended QEMU, 0 for none. */
export function describeEvidence(reason: EndReason, evidence: Evidence, signal: number): string {
  const base = MESSAGES[reason];
  switch (reason) {
    case "guest-panic":
      return `${base}${describePanic(evidence.journal)}`;
    case "host-signal":
      return describeSignal(evidence.stderr) ?? base;
    case "oom":
      return describeOutOfMemory(evidence.cgroup) ?? base;
    case "killed":
    case "qemu-crash":
      return `${base} by ${signalName(signal)}`;
    case "qemu-error":
      return describeError(evidence);
    default:
      return base;
  }
}

function describeError({ stderr, exitStatus }: Evidence): string {
  const base = MESSAGES["qemu-error"];
  if (IMAGE_LOCKED.test(stderr)) {
    return `${base}: the image is in use by another process, which holds its write lock`;
  }
  if (exitStatus === 0) return "QEMU ended at once without running a guest: something in args makes it print and end";
  const words = lastLine(stderr);
  const status = exitStatus === null ? "" : ` with exit status ${exitStatus}`;
  return words === "" ? `${base}${status}` : `${base}${status}: ${words}`;
}

/** What the guest said of its panic (qapi/run-state.json, GuestPanicInformation); only Windows and s390 guests say something. */
function describePanic(journal: readonly QmpEvent[]): string {
  const info = journal.findLast(({ name }) => name === "GUEST_PANICKED")?.data["info"];
  if (typeof info !== "object" || info === null || !("type" in info)) return "";
  if (info.type === "hyper-v" && "arg1" in info && typeof info.arg1 === "number") {
    return ` (bug check 0x${info.arg1.toString(16)})`;
  }
  if (info.type === "s390" && "reason" in info && typeof info.reason === "string") {
    return ` (${escapeControls(info.reason.slice(0, 40))})`;
  }
  return "";
}

/** `QEMU was ended by SIGTERM from pid 123 (bash)`; undefined when QEMU did not say. */
function describeSignal(stderr: string): string | undefined {
  const found = [...stderr.matchAll(TERMINATED)].at(-1);
  if (found === undefined) return undefined;
  const [, signal, pid, program] = found;
  const name = program?.split("/").at(-1)?.slice(0, 60) ?? "";
  const who =
    pid === undefined || pid === "0" ? "" : ` from pid ${pid}${name === "" ? "" : ` (${escapeControls(name)})`}`;
  return `QEMU was ended by ${signalName(Number(signal))}${who}`;
}

/** What to do about an end; null when there is nothing to say that the sentence does not. */
export function hintFor(reason: EndReason, evidence: Evidence, signal: number): string | null {
  switch (reason) {
    case "guest-reset":
      return "-no-reboot or -action reboot=shutdown in args makes a reset an end; without it a reboot of the guest stays in place";
    case "guest-panic":
      return "the kernel's own words are at the end of the serial log; -action panic=pause in args keeps a machine that panics for somebody to look at";
    case "host-qmp-quit":
      return "the agent did not ask for it: somebody wrote quit to a monitor of the machine's, such as qm.sock";
    case "oom":
      return outOfMemoryHint(evidence.cgroup);
    case "killed":
      return signal === constants.signals.SIGKILL ? killHint(evidence) : null;
    case "qemu-crash":
      return signal === constants.signals.SIGSYS
        ? "QEMU's sandbox forbids a system call that something in args led to: see what the job's args ask QEMU to start or open"
        : "a fault of QEMU itself, of a device that args add or of the host's memory, unless somebody sent the signal: paddock why -bundle collects what a report needs";
    case "qemu-error":
      return errorHint(evidence);
    case "lost":
      return "both QEMU and its wrapper were killed; the serial log may tell more";
    default:
      return null;
  }
}

function errorHint({ stderr, exitStatus }: Evidence): string {
  if (IMAGE_LOCKED.test(stderr)) {
    return "two machines may not write to one image: paddock ps shows which runs, and qemu-img check tells whether another program has it open";
  }
  if (exitStatus === 0) return "leave options such as -version and -h out of args";
  return "QEMU's own words are in the task's stderr log";
}

function killHint({ cgroup, kernel }: Evidence): string {
  if (cgroup?.oomKills === 0 || kernel?.unread === null) {
    return "the kernel did not run out of memory: somebody sent SIGKILL";
  }
  return "if nobody sent SIGKILL, the kernel ran out of memory: see the kernel log";
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
