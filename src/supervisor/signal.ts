import { closeSync } from "node:fs";
import { constants } from "node:os";
import type { ProcessIdentity } from "../allocation/machine.ts";
import { errnoOf } from "../base/errors.ts";
import { openPidfd, signalPidfd } from "../runtime/pidfd.ts";
import { isAlive, readStat } from "./identity.ts";

/** The signals that a QEMU gets from here. */
export type SentSignal = "SIGTERM" | "SIGINT" | "SIGKILL" | "SIGCONT";

/** The one answer that means that the signal is on its way. */
export const SENT = "sent";

/**
 * Sends a signal to exactly this process: the descriptor is opened first and the identity compared after, so that a pid that was
 * given to another process meanwhile is never hit.
 * @returns what came of it, for the receipt: `sent`, `process is gone`, or why not.
 */
export async function signalProcess(identity: ProcessIdentity, bootId: string, signal: SentSignal): Promise<string> {
  const fd = await openPidfd(identity.pid);
  try {
    if (!isAlive(identity, bootId)) return "process is gone";
    if (fd !== null) return (await signalPidfd(fd, constants.signals[signal])) ? SENT : "not permitted or gone";
    // Kernels before 5.3 and Deno have no pidfd here; between the look above and this call the pid can hardly come round.
    process.kill(identity.pid, signal);
    return SENT;
  } catch (error) {
    return errnoOf(error) === "ESRCH" ? "process is gone" : `not sent: ${errnoOf(error) ?? "unknown error"}`;
  } finally {
    if (fd !== null) closeSync(fd);
  }
}

/**
 * Whether somebody has stopped this process by a signal (SIGSTOP, a terminal's Ctrl-Z): it hears nothing then, neither its
 * monitor nor SIGTERM. A process that a debugger holds counts too.
 */
export function isStopped(identity: ProcessIdentity, bootId: string): boolean {
  if (!isAlive(identity, bootId)) return false;
  return ["T", "t"].includes(readStat(identity.pid)?.state ?? "");
}
