import { readFileSync } from "node:fs";
import type { ProcessIdentity } from "../allocation/machine.ts";
import { errnoOf } from "../base/errors.ts";

/** What `/proc/PID/stat` says of a process. */
export interface ProcessStat {
  readonly pid: number;
  /** `R`, `S`, `D`, `Z`, `X`, … (proc(5)). */
  readonly state: string;
  readonly parent: number;
  /** Clock ticks after boot. */
  readonly startTime: number;
}

/** The id of this boot of the host; another one means that every process of before is gone. */
export function readBootId(): string {
  return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
}

/** @returns null when no such process exists. */
export function readStat(pid: number): ProcessStat | null {
  try {
    return parseStat(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch (error) {
    if (errnoOf(error) === "ENOENT" || errnoOf(error) === "ESRCH") return null;
    throw error;
  }
}

/** Reads a line of `/proc/PID/stat`; the program's name in it may hold spaces and brackets. Null when it is none. */
export function parseStat(line: string): ProcessStat | null {
  const open = line.indexOf("(");
  const close = line.lastIndexOf(")");
  if (open < 0 || close < open) return null;
  const pid = Number(line.slice(0, open).trim());
  const fields = line
    .slice(close + 1)
    .trim()
    .split(/\s+/);
  // Behind the name come field 3 (state) and on; the start time is field 22.
  const state = fields[0] ?? "";
  const parent = Number(fields[1]);
  const startTime = Number(fields[19]);
  if (!Number.isInteger(pid) || pid <= 0 || !Number.isInteger(startTime) || !/^[A-Za-z]$/.test(state)) return null;
  return { pid, state, parent, startTime };
}

/** Whether exactly this process still runs; a zombie does not, nor does another process that was given its pid. */
export function isAlive(identity: ProcessIdentity, bootId: string): boolean {
  if (identity.bootId !== bootId) return false;
  const stat = readStat(identity.pid);
  return stat !== null && stat.startTime === identity.startTime && stat.state !== "Z" && stat.state !== "X";
}
