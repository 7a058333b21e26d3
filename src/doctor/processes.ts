import { readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { basename } from "node:path";
import { errnoOf } from "../base/errors.ts";
import { readCommandLine } from "../supervisor/command-lines.ts";
import { readStat } from "../supervisor/identity.ts";

/** A process of this host that may be looked at, as far as it says who it is. All of it but pid, uid and program is its own word. */
export interface HostProcess {
  readonly pid: number;
  readonly uid: number;
  /** Clock ticks after boot. */
  readonly startTime: number;
  /** The name of its program by the kernel; by its own word where the kernel does not tell this user. */
  readonly program: string;
  readonly words: readonly string[];
}

/** Every process whose command line holds one of these texts, except this one. */
export function processesNaming(texts: readonly string[]): readonly HostProcess[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((name) => {
      // QEMU doubles the commas in its options.
      const line = readCommandLine(name).replaceAll(",,", ",");
      if (!texts.some((text) => line.includes(text))) return [];
      return describeProcess(Number(name), line.split("\0").slice(0, -1)) ?? [];
    });
}

/** Whether exactly this process still runs. */
export function stillRuns({ pid, startTime }: HostProcess): boolean {
  return readStat(pid)?.startTime === startTime;
}

/** The parent of a process; null when it is gone. */
export function parentOf(pid: number): number | null {
  try {
    const parent = /^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
    return parent === undefined ? null : Number(parent);
  } catch (error) {
    if (isPassing(error)) return null;
    throw error;
  }
}

function describeProcess(pid: number, words: readonly string[]): HostProcess | undefined {
  try {
    const stat = readStat(pid);
    if (stat === null || stat.state === "Z") return undefined;
    const { uid } = statSync(`/proc/${pid}`);
    return { pid, uid, startTime: stat.startTime, program: programOf(pid) ?? basename(words[0] ?? ""), words };
  } catch (error) {
    if (isPassing(error)) return undefined;
    throw error;
  }
}

function programOf(pid: number): string | undefined {
  try {
    return basename(readlinkSync(`/proc/${pid}/exe`).replace(/ \(deleted\)$/, ""));
  } catch (error) {
    if (isPassing(error)) return undefined;
    throw error;
  }
}

/** Processes come and go while they are looked at, and those of other users are closed to us. */
function isPassing(error: unknown): boolean {
  return ["ENOENT", "ESRCH", "EACCES", "EPERM"].includes(errnoOf(error) ?? "");
}
