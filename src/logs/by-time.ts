import type { LogChunk } from "./chunk.ts";
import { indexOfLogFile, type LogQuery, readTaskLog } from "./read.ts";
import { type LogPosition, logFileName, type ReadableLog, readStretch } from "./stretch.ts";
import { addTimes, findEnd, findStart, findTimes, type LogTimes } from "./times.ts";

/** A query that may ask by time. Times are milliseconds since 1970. */
export interface TimedLogQuery extends LogQuery {
  readonly since?: number | undefined;
  readonly until?: number | undefined;
  readonly timestamps?: boolean;
}

/** What is known of the task besides its log. */
export interface LogOwner {
  readonly createTime: number;
  /** True once the task will write no more. */
  readonly isOver: () => boolean;
  /** Has written down what is known of the log's times. */
  readonly flush: () => void;
  readonly now: () => number;
}

/** Reads a task's log as `readTaskLog` does; when it was written is looked up only for a query that asks by time. */
export async function* readLogByTime(
  log: ReadableLog,
  query: TimedLogQuery,
  owner: LogOwner,
): AsyncGenerator<LogChunk> {
  const { since, until, timestamps, ...plain } = query;
  if (since === undefined && until === undefined && timestamps !== true) {
    return yield* readTaskLog(log.dirs, log.task, plain, owner.isOver);
  }
  owner.flush();
  const times = findTimes(log, owner.createTime);
  const asked = { ...plain, ...placesOf(log, query, times) };
  const chunks = readTaskLog(log.dirs, log.task, asked, owner.isOver);
  if (timestamps !== true) return yield* chunks;
  yield* addTimes(chunks, times, {
    indexOf: (file) => indexOfLogFile(file, log.task, log.type),
    isLookedAt: () => !owner.isOver(),
    now: owner.now,
  });
}

function placesOf(log: ReadableLog, { since, until }: TimedLogQuery, times: LogTimes): Partial<LogQuery> {
  const start = since === undefined ? null : lineStart(log, findStart(times, since));
  const end = until === undefined ? null : findEnd(times, until);
  return {
    ...(start === null ? {} : { file: logFileName(log, start.index), offset: start.offset }),
    ...(end === null ? {} : { end }),
  };
}

/** Longest line whose beginning is looked for, in bytes. */
const LONG_LINE = 4 << 10;

/** The beginning of the line that a place is in, if it is not far: lines are what people look for. */
function lineStart(log: ReadableLog, place: LogPosition | null): LogPosition | null {
  if (place === null) return null;
  const before = readStretch(log, { index: place.index, offset: 0 }, place, LONG_LINE).data;
  const line = before.lastIndexOf(0x0a) + 1;
  return line === 0 ? place : { index: place.index, offset: place.offset - (before.length - line) };
}
