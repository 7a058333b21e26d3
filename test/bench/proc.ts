import { dlopen, ptr } from "bun:ffi";
import { readFileSync } from "node:fs";

/** What a process has in memory, in bytes (proc_pid_smaps(5)). */
export interface Memory {
  /** Resident, shared pages included. */
  readonly rss: number;
  /** Resident, each shared page counted as its share. */
  readonly pss: number;
}

export function readMemory(pid: number): Memory {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  const field = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(text)?.[1]) * 1024;
  return { rss: field("Rss"), pss: field("Pss") };
}

/** Forgets the peak of a process, so that `readPeak` tells of what comes from now on (proc_pid_clear_refs(5)). */
export function resetPeak(pid: number): Promise<number> {
  return Bun.write(`/proc/${pid}/clear_refs`, "5");
}

/** The most that a process has had resident, in bytes. */
export function readPeak(pid: number): number {
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * 1024;
}

const { symbols: libc } = dlopen("libc.so.6", { clock_gettime: { args: ["i32", "ptr"], returns: "i32" } });

/**
 * Milliseconds that a process was on a processor, with threads of it that have ended. `/proc/PID/stat` has the same in ticks of 10 ms,
 * too coarse for what idles. @throws when there is no such process.
 */
export function readCpuMillis(pid: number): number {
  const time = new BigInt64Array(2);
  // The clock of another process, as clock_getcpuclockid(3) numbers it.
  if (libc.clock_gettime((~pid << 3) | 2, ptr(time)) !== 0) throw new Error(`process ${pid} is gone`);
  return Number(time[0]) * 1e3 + Number(time[1]) / 1e6;
}

/** Field 4 of `/proc/PID/stat`. */
export function parentOf(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, "utf8");
  return Number(text.slice(text.lastIndexOf(")") + 2).split(" ")[1]);
}
