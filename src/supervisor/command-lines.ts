import { readdirSync, readFileSync } from "node:fs";
import { errnoOf } from "../base/errors.ts";

/** The command line of every process of the host that may be looked at. */
export function readCommandLines(): readonly string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(readCommandLine);
}

/** Whether any of these processes has a path on its command line: the wrapper and QEMU name their journal and their sockets. */
export function isNamed(path: string, commandLines: readonly string[]): boolean {
  return commandLines.some((line) => line.includes(path));
}

function readCommandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch (error) {
    if (["ENOENT", "ESRCH", "EACCES"].includes(errnoOf(error) ?? "")) return "";
    throw error;
  }
}
