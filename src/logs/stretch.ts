import { relative } from "node:path";
import { type LogType, type TaskDirs, taskLog } from "../paths.ts";
import { logIndexes, statLogs } from "./files.ts";
import { OpenLog } from "./open.ts";

/** A place in a log: so many bytes into the file with this index. */
export interface LogPosition {
  readonly index: number;
  readonly offset: number;
}

/** A log of a task, for whoever reads parts of it. */
export interface ReadableLog {
  readonly dirs: TaskDirs;
  readonly task: string;
  readonly type: LogType;
}

/** A file of a log as chunks name it: below the allocation directory. */
export function logFileName({ dirs, task, type }: ReadableLog, index: number): string {
  return relative(dirs.alloc, taskLog(dirs, task, type, index));
}

/**
 * Where the next byte of a log will stand: behind the last file that holds something, for an empty one behind it may be the rest of
 * a rotation that failed. Null when there is no file.
 */
export function endOfLog({ dirs, task, type }: ReadableLog): LogPosition | null {
  const files = statLogs(dirs, task, type, logIndexes(dirs, task, type));
  const last = files.findLast(({ size }) => size > 0) ?? files[0];
  return last === undefined ? null : { index: last.index, offset: last.size };
}

export interface Stretch {
  readonly data: Uint8Array;
  /** Where the data begins. */
  readonly start: LogPosition;
  /** Bytes before it that were asked for and left out. */
  readonly skipped: number;
}

/**
 * The last bytes of a log between two places, over all its files that are there.
 * @param from the log's beginning when null.
 * @param most bytes.
 */
export function readStretch(log: ReadableLog, from: LogPosition | null, to: LogPosition, most: number): Stretch {
  const { dirs, task, type } = log;
  const first = from?.index ?? 0;
  const indexes = logIndexes(dirs, task, type).filter((index) => index >= first && index <= to.index);
  const parts = statLogs(dirs, task, type, indexes).map(({ index, size }) => ({
    index,
    begin: from?.index === index ? Math.min(from.offset, size) : 0,
    end: index === to.index ? Math.min(to.offset, size) : size,
  }));
  const total = parts.reduce((sum, { begin, end }) => sum + Math.max(0, end - begin), 0);
  let left = Math.max(0, total - most);
  const pieces: Uint8Array[] = [];
  let start: LogPosition | undefined;
  for (const { index, begin, end } of parts) {
    const passed = Math.min(left, Math.max(0, end - begin));
    left -= passed;
    if (begin + passed >= end) continue;
    start ??= { index, offset: begin + passed };
    pieces.push(...readPart(taskLog(dirs, task, type, index), begin + passed, end));
  }
  return { data: Buffer.concat(pieces), start: start ?? to, skipped: Math.max(0, total - most) };
}

function readPart(path: string, begin: number, end: number): readonly Uint8Array[] {
  const open = OpenLog.open(path, begin);
  if (open === null) return [];
  try {
    const pieces: Uint8Array[] = [];
    for (let data = open.read(end); data.length > 0; data = open.read(end)) pieces.push(data);
    return pieces;
  } finally {
    open.close();
  }
}
