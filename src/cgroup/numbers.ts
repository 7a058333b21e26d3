import { readFileSync } from "node:fs";
import { join } from "node:path";
import { errnoOf } from "../base/errors.ts";

/** What the kernel counted in the group of one start of a machine; no machine can forge it. */
export interface CgroupNumbers {
  /** Bytes; null for no limit. */
  readonly memoryMax: number | null;
  /** The most that was used at once, in bytes; null before Linux 5.19. */
  readonly memoryPeak: number | null;
  /** How often the limit was reached and nothing could be given back; null without the controller. */
  readonly limitHits: number | null;
  /** Processes that the kernel killed for want of memory, here or on the whole host; null without the controller. */
  readonly oomKills: number | null;
  /** Milliseconds of processor time; null without the controller. */
  readonly cpuMillis: number | null;
}

/** Reads a group's counters; null when it is gone. */
export function readNumbers(path: string): CgroupNumbers | null {
  const events = readFlat(join(path, "memory.events"));
  const cpu = readFlat(join(path, "cpu.stat"));
  // `cpu.stat` is there in every group, whatever controllers it has.
  if (cpu === undefined) return null;
  const micros = cpu.get("usage_usec");
  return {
    memoryMax: readNumber(join(path, "memory.max")),
    memoryPeak: readNumber(join(path, "memory.peak")),
    limitHits: events?.get("oom") ?? null,
    oomKills: events?.get("oom_kill") ?? null,
    cpuMillis: micros === undefined ? null : Math.round(micros / 1000),
  };
}

/** A file of lines `key number`; undefined when there is none. */
function readFlat(path: string): ReadonlyMap<string, number> | undefined {
  const text = readControl(path);
  if (text === undefined) return undefined;
  return new Map([...text.matchAll(/^(\S+) (\d+)$/gm)].map(([, key = "", value]) => [key, Number(value)]));
}

/** A file of one number; null for `max` and when there is none. */
function readNumber(path: string): number | null {
  const text = readControl(path)?.trim() ?? "";
  return /^\d+$/.test(text) ? Number(text) : null;
}

/** A file of a group; undefined when it, or the group, is not there. */
export function readControl(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    // ENODEV: the group was removed while the file was open.
    if (["ENOENT", "ENOTDIR", "ENODEV"].includes(errnoOf(error) ?? "")) return undefined;
    throw error;
  }
}
