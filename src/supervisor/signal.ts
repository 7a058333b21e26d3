import { closeSync } from "node:fs";
import { constants } from "node:os";
import type { ProcessIdentity } from "../allocation/machine.ts";
import { errnoOf } from "../base/errors.ts";
import { openPidfd, signalPidfd } from "../runtime/pidfd.ts";
import { isAlive } from "./identity.ts";

/**
 * Sends a signal to exactly this process: the descriptor is opened first and the identity compared after, so that a pid that was
 * given to another process meanwhile is never hit.
 * @returns what came of it, for the receipt: `sent`, `process is gone`, or why not.
 */
export async function signalProcess(
  identity: ProcessIdentity,
  bootId: string,
  signal: "SIGTERM" | "SIGKILL",
): Promise<string> {
  const fd = await openPidfd(identity.pid);
  try {
    if (!isAlive(identity, bootId)) return "process is gone";
    if (fd !== null) return (await signalPidfd(fd, constants.signals[signal])) ? "sent" : "not permitted or gone";
    // Kernels before 5.3 and Deno have no pidfd here; between the look above and this call the pid can hardly come round.
    process.kill(identity.pid, signal);
    return "sent";
  } catch (error) {
    return errnoOf(error) === "ESRCH" ? "process is gone" : `not sent: ${errnoOf(error) ?? "unknown error"}`;
  } finally {
    if (fd !== null) closeSync(fd);
  }
}
