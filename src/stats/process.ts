import { readFileSync } from "node:fs";
import { errnoOf } from "../base/errors.ts";

/** The kernel counts processor time towards programs in this many ticks a second (`USER_HZ`), on every processor that we run on. */
const TICKS_A_SECOND = 100;
const KIB = 1024;

/** What `/proc/PID/stat` says of the processor time of a process or thread. */
export interface ProcessorTime {
  /** Seconds in the program itself; for a machine that is also the guest's own time. */
  readonly user: number;
  /** Seconds in the kernel. */
  readonly system: number;
  /** Clock ticks after boot: tells the process from another that was given its pid. */
  readonly startTime: number;
}

/** What `/proc/PID/status` says of the memory of a process, in bytes. */
export interface ProcessMemory {
  readonly rss: number;
  /** The most that was ever resident. */
  readonly peak: number;
  readonly swap: number;
}

/** Reads a line of `/proc/PID/stat`; the program's name in it may hold spaces and brackets. Null when it is none. */
export function parseProcessorTime(line: string): ProcessorTime | null {
  const close = line.lastIndexOf(")");
  if (close < 0) return null;
  // Behind the name come field 3 and on (proc(5)): utime is 14, stime 15, starttime 22.
  const fields = line
    .slice(close + 1)
    .trim()
    .split(/\s+/);
  const [user, system, startTime] = [fields[11], fields[12], fields[19]].map(countOf);
  if (user === undefined || system === undefined || startTime === undefined) return null;
  return { user: user / TICKS_A_SECOND, system: system / TICKS_A_SECOND, startTime };
}

/** Both kinds together, to the tick: the sum of two fractions is none of ours. */
export function secondsOf({ user, system }: ProcessorTime): number {
  return Math.round((user + system) * TICKS_A_SECOND) / TICKS_A_SECOND;
}

/** Reads the text of `/proc/PID/status`. Null when it tells of no memory, as of a zombie. */
export function parseProcessMemory(text: string): ProcessMemory | null {
  const rss = kibibytes(text, "VmRSS");
  if (rss === null) return null;
  return { rss, peak: kibibytes(text, "VmHWM") ?? rss, swap: kibibytes(text, "VmSwap") ?? 0 };
}

/** The proportional set size in the text of `/proc/PID/smaps_rollup`, in bytes; null when it is not there. */
export function parsePss(text: string): number | null {
  return kibibytes(text, "Pss");
}

/** What one look at a process found. */
export interface ProcessReading {
  readonly time: ProcessorTime;
  readonly memory: ProcessMemory;
}

/** Looks at a process. @returns null when it is gone, or when another one has its pid. */
export function readProcess(pid: number, startTime: number): ProcessReading | null {
  const found = readProcessOf(pid);
  return found?.time.startTime === startTime ? found : null;
}

/** Looks at whatever process has a pid, or at this one. @returns null when there is none. */
export function readProcessOf(pid: number | "self"): ProcessReading | null {
  const memory = parseProcessMemory(readProc(`/proc/${pid}/status`));
  // Read last: a caller who finds the right process in this one knows that the one before was it too.
  const time = parseProcessorTime(readProc(`/proc/${pid}/stat`));
  return time === null || memory === null ? null : { time, memory };
}

/** Seconds that a thread was on a processor; null when the process has no such thread, whatever was said of it. */
export function readThreadSeconds(pid: number, threadId: number): number | null {
  if (!Number.isSafeInteger(threadId) || threadId <= 0) return null;
  const time = parseProcessorTime(readProc(`/proc/${pid}/task/${threadId}/stat`));
  return time === null ? null : secondsOf(time);
}

/**
 * The proportional set size of a process, in bytes. The kernel walks every page of it for that, milliseconds for a large one.
 * @returns null when it is gone or may not be looked at.
 */
export function readPss(pid: number): number | null {
  return parsePss(readProc(`/proc/${pid}/smaps_rollup`));
}

/** The text of a file of `/proc`, "" where it is not there, may not be read, or its process ends meanwhile. */
export function readProc(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return "";
  }
}

/** A line `Name:  123 kB`, in bytes. */
export function kibibytes(text: string, name: string): number | null {
  const count = countOf(new RegExp(`^${name}:\\s+(\\d{1,15}) kB$`, "m").exec(text)?.[1]);
  return count === undefined ? null : count * KIB;
}

function countOf(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}
