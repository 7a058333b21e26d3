import { closeSync, constants, fstatSync, ftruncateSync, openSync, renameSync, writeSync } from "node:fs";
import { AppError } from "../base/errors.ts";
import { readUntrusted, writeNew } from "../base/files.ts";

/** A moment at which a log had been written up to a place, and no further. */
export interface LogTime {
  /** Milliseconds since 1970. */
  readonly at: number;
  /** The file of the log, and how many bytes of it there were. */
  readonly index: number;
  readonly offset: number;
}

/** Bytes of one moment: six for the time, four for the file, six for the place in it. */
const RECORD = 16;
/** Most moments that are kept of a log: half a MiB. A day of a log that grows all the time is 29,000. */
export const MOST_TIMES = 1 << 15;
/** The newest of them, which stay when there are too many. */
const STAYING = MOST_TIMES / 4;
/** Largest number that six bytes hold. */
const MAX_WORD = 2 ** 48 - 1;

/** Whether a place in a log lies before another one. */
export function isBefore(
  one: { readonly index: number; readonly offset: number },
  other: { readonly index: number; readonly offset: number },
): boolean {
  return one.index < other.index || (one.index === other.index && one.offset < other.offset);
}

export function encodeTimes(times: readonly LogTime[]): Buffer {
  const bytes = Buffer.alloc(times.length * RECORD);
  times.forEach(({ at, index, offset }, number) => {
    const start = number * RECORD;
    bytes.writeUIntBE(Math.min(Math.max(0, Math.round(at)), MAX_WORD), start, 6);
    bytes.writeUInt32BE(index, start + 6);
    bytes.writeUIntBE(Math.min(offset, MAX_WORD), start + 10, 6);
  });
  return bytes;
}

/** What lies before the place of the moment in front of it is no moment of a log, and is passed over. */
export function decodeTimes(bytes: Buffer): readonly LogTime[] {
  const times: LogTime[] = [];
  for (let start = 0; start + RECORD <= bytes.length; start += RECORD) {
    const index = bytes.readUInt32BE(start + 6);
    const time = { at: bytes.readUIntBE(start, 6), index, offset: bytes.readUIntBE(start + 10, 6) };
    const last = times.at(-1);
    if (last === undefined || !isBefore(time, last)) times.push(time);
  }
  return times;
}

/** The moments of a log; null when none were kept, or what has their name is no such file. */
export function readTimes(path: string): readonly LogTime[] | null {
  try {
    const bytes = readUntrusted(path, 2 * MOST_TIMES * RECORD);
    return bytes === undefined || bytes.length < RECORD ? null : decodeTimes(bytes);
  } catch (error) {
    if (error instanceof AppError) return null;
    throw error;
  }
}

/** Adds moments behind those that are kept; a record that a crash cut is removed. @throws system errors, AppError `invalid`. */
export function appendTimes(path: string, times: readonly LogTime[]): void {
  const flags =
    constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const fd = openSync(path, flags, 0o600);
  let size: number;
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) throw new AppError("invalid", `${path} is not a regular file`);
    if (stat.size % RECORD !== 0) ftruncateSync(fd, stat.size - (stat.size % RECORD));
    const bytes = encodeTimes(times);
    for (let written = 0; written < bytes.length; ) written += writeSync(fd, bytes, written);
    size = stat.size + bytes.length;
  } finally {
    closeSync(fd);
  }
  if (size > MOST_TIMES * RECORD) changeTimes(path, thinTimes);
}

/** Replaces what is kept by what a function makes of it, if that is something else. */
export function changeTimes(path: string, change: (times: readonly LogTime[]) => readonly LogTime[]): void {
  const times = readTimes(path);
  if (times === null) return;
  const changed = change(times);
  if (changed === times) return;
  writeNew(`${path}.new`, encodeTimes(changed));
  renameSync(`${path}.new`, path);
}

/** Leaves out every second of the older ones. */
export function thinTimes(times: readonly LogTime[]): readonly LogTime[] {
  const newest = times.slice(-STAYING);
  return [...times.slice(0, -STAYING).filter((_, number) => number % 2 === 0), ...newest];
}

/** Forgets files before `first`; when the last of them had been written stays known. */
export function forgetFiles(times: readonly LogTime[], first: number): readonly LogTime[] {
  const gone = times.filter(({ index }) => index < first);
  const last = gone.at(-1);
  if (last === undefined || (gone.length === 1 && last.offset === 0 && last.index === first)) return times;
  return [{ at: last.at, index: first, offset: 0 }, ...times.slice(gone.length)];
}

/** Takes along that the first `bytes` of a file were cut off. */
export function shiftFile(times: readonly LogTime[], file: number, bytes: number): readonly LogTime[] {
  if (bytes === 0) return times;
  return times.map((time) => (time.index === file ? { ...time, offset: Math.max(0, time.offset - bytes) } : time));
}

const NOTHING_NEW: readonly LogTime[] = [];

/** How a log was found at a look. */
export interface Looked {
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly index: number;
  readonly size: number;
  /** When the file was written last, as it says itself. */
  readonly modified: number;
}

/**
 * The moments that a look at a log adds.
 * @param last the newest moment that is kept; null when there is none.
 * @param before when it was looked at before and had not grown since `last`, in milliseconds since 1970; null when nobody looked.
 * @param gap milliseconds that two moments may be apart without one between them.
 */
export function timesOfLook(
  { now, index, size, modified }: Looked,
  last: LogTime | null,
  before: number | null,
  gap: number,
): readonly LogTime[] {
  const place = { index, offset: size };
  if (last === null ? size === 0 : !isBefore(last, place)) return NOTHING_NEW;
  const from = last ?? { at: Number.NEGATIVE_INFINITY, index, offset: 0 };
  const still = before !== null && before - from.at > gap ? [{ ...from, at: before }] : [];
  // A file that says something impossible of itself is a hostile machine's, or the clock was set.
  const least = before ?? last?.at ?? 0;
  const at = modified >= least && modified <= now ? modified : now;
  return [...still, { ...place, at: Math.round(at) }];
}
