import { closeSync, constants, openSync, readSync } from "node:fs";
import type { KernelWords } from "../allocation/evidence.ts";
import { monotonicMillis } from "../base/clock.ts";
import { errnoOf } from "../base/errors.ts";
import { readUntrusted } from "../base/files.ts";

const KERNEL_LOG = "/dev/kmsg";
/** How often this host slept since its boot (Documentation/ABI/testing/sysfs-power). */
const SUSPENDS = "/sys/power/suspend_stats/success";
/** Longest record that the kernel gives in one read (kernel/printk: CONSOLE_EXT_LOG_MAX). */
const LONGEST_RECORD = 8192;
/** More than any ring buffer holds that was not made large on purpose; 350 records are read in 0.7 ms. */
const MOST_RECORDS = 20_000;
/** What reading may take at most, in milliseconds: the agent does nothing else meanwhile. */
const PATIENCE = 50;
const LINES_KEPT = 10;
const LINE_KEPT = 400;
/** `starttime` of /proc/PID/stat counts in these, on every Linux that runs QEMU (USER_HZ). */
const TICKS_PER_SECOND = 100;
/** The kernel stamps its lines by another clock than process starts. */
const SLACK_SECONDS = 2;

/**
 * What the kernel's own log says of a process since it was started: that it was ended for want of memory, or where it crashed. Never
 * waits and never throws.
 * @param process its pid, and its start in clock ticks after boot.
 */
export function readKernelWords(process: { readonly pid: number; readonly startTime: number }): KernelWords {
  try {
    return { lines: linesAbout(readRecords(), process.pid, startSeconds(process.startTime)), unread: null };
  } catch (error) {
    const code = errnoOf(error);
    if (code === undefined) throw error;
    const why = code === "EPERM" || code === "EACCES" ? "the agent's user may not read the kernel's log" : code;
    return { lines: [], unread: why };
  }
}

/** Records of the ring buffer, oldest first (Documentation/ABI/testing/dev-kmsg). @throws system errors of opening it. */
function readRecords(): string[] {
  const fd = openSync(KERNEL_LOG, constants.O_RDONLY | constants.O_NONBLOCK);
  const buffer = Buffer.alloc(LONGEST_RECORD);
  const deadline = monotonicMillis() + PATIENCE;
  const records: string[] = [];
  try {
    while (records.length < MOST_RECORDS && monotonicMillis() < deadline) {
      const read = readRecord(fd, buffer);
      if (read === null) break;
      if (read > 0) records.push(buffer.toString("utf8", 0, read));
    }
    return records;
  } finally {
    closeSync(fd);
  }
}

/** @returns the bytes of the next record, 0 when it was overwritten meanwhile, null when there is none yet. */
function readRecord(fd: number, buffer: Buffer): number | null {
  try {
    return readSync(fd, buffer, 0, buffer.length, null) || null;
  } catch (error) {
    if (errnoOf(error) === "EPIPE") return 0;
    if (errnoOf(error) === "EAGAIN") return null;
    throw error;
  }
}

/**
 * The lines of the kernel itself that name a process, newest last.
 * @param records `priority,sequence,microseconds,flags;text`; what programs wrote into the log has another facility than 0.
 * @param since in seconds by the log's clock.
 */
export function linesAbout(records: readonly string[], pid: number, since: number): string[] {
  // `Killed process 7`, `pid=7`, `pid 7`, `qemu-system-x86[7]: segfault`; any other 7 is something else.
  const named = new RegExp(`(?:\\b(?:process |pid[=: ]\\s*)|^[^[\\]]{1,32}\\[)${pid}(?!\\d)`, "i");
  return records
    .flatMap((record) => {
      const match = /^(\d+),\d+,(\d+),[^;]*;([^\n]*)/.exec(record);
      if (match === null || Number(match[1]) >> 3 !== 0 || Number(match[2]) / 1e6 < since) return [];
      const text = match[3] ?? "";
      return named.test(text) ? [text.slice(0, LINE_KEPT)] : [];
    })
    .slice(-LINES_KEPT);
}

/** A start by the log's clock, which stands still while the host sleeps: where it ever slept, the pid alone has to do. */
function startSeconds(startTime: number): number {
  const slept = /^[1-9]/.test(readUntrusted(SUSPENDS)?.toString("latin1") ?? "");
  return slept ? 0 : startTime / TICKS_PER_SECOND - SLACK_SECONDS;
}
