import { readdirSync, readFileSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { errnoOf } from "../base/errors.ts";

/** The command line of every process of the host that may be looked at. */
export function readCommandLines(): readonly string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(readCommandLine);
}

/** Processes that are looked at in a row. */
const A_TURN = 64;

/** The same, holding nobody up on a host of many processes. */
export async function readCommandLinesInTurns(): Promise<readonly string[]> {
  const lines: string[] = [];
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    if (lines.push(readCommandLine(name)) % A_TURN === 0) await setImmediate();
  }
  return lines;
}

/**
 * The process that was started with this path, other than the shell that wrapped it; null when there is none.
 * @param counts says which processes may be it.
 */
export function findProgram(path: string, counts: (pid: number) => boolean): number | null {
  const pid = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .find((name) => {
      const line = readCommandLine(name);
      return line.includes(path) && !line.startsWith("/bin/sh\0") && counts(Number(name));
    });
  return pid === undefined ? null : Number(pid);
}

/** Whether any of these processes has a path on its command line: the wrapper and QEMU name their journal and their sockets. */
export function isNamed(path: string, commandLines: readonly string[]): boolean {
  return commandLines.some((line) => line.includes(path));
}

/** The words of a process, each ended by a NUL; "" when it is gone or may not be looked at. */
export function readCommandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch (error) {
    if (["ENOENT", "ESRCH", "EACCES"].includes(errnoOf(error) ?? "")) return "";
    throw error;
  }
}
