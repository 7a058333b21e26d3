import { relative } from "node:path";
import { setImmediate as takeTurns } from "node:timers/promises";
import { AppError } from "../base/errors.ts";
import { type LogType, readLogIndex, type TaskDirs, taskLog } from "../paths.ts";
import type { LogChunk } from "./chunk.ts";
import { type LogFile, logIndexes, lstat, statLogs } from "./files.ts";
import { OpenLog } from "./open.ts";
import type { LogPosition } from "./stretch.ts";
import { waitFor, watchLogs } from "./watch.ts";

/** How often a log that is not there yet is looked for, in milliseconds. */
const LOOK_FOR = 100;

export interface LogQuery {
  readonly type: LogType;
  readonly follow: boolean;
  /** What `offset` counts from: the start or the end of all files of the log together. */
  readonly origin: "start" | "end";
  readonly offset: number;
  /** Begins in this file, as a `LogChunk` names it, and `offset` counts from its start; behind it when it is gone. */
  readonly file?: string | undefined;
  /** Nothing behind this place. */
  readonly end?: LogPosition | null;
  readonly signal: AbortSignal;
}

/**
 * Reads a task's log as it is or as it grows, over all its files in order. A file that is removed before it was read is passed over.
 * @param isOver true once the task will write no more.
 * @throws AppError `not_found` while there is no log, `invalid` when what has its name is no regular file.
 */
export async function* readTaskLog(
  dirs: TaskDirs,
  task: string,
  query: LogQuery,
  isOver: () => boolean,
): AsyncGenerator<LogChunk> {
  const list = (): readonly LogFile[] => findFiles(dirs, task, query.type);
  const files = await waitForFiles(list, query, isOver);
  if (files === null) return;
  // A log that is not followed ends where it ended when it was asked for, however fast it grows.
  const end = query.follow ? null : (query.end ?? endOf(files));
  const wanted = query.file === undefined ? undefined : indexOfLogFile(query.file, task, query.type);
  const start = startOf(files, query, wanted);
  if (end !== null && start.index > end.index) return;
  const place = (index: number): string => taskLog(dirs, task, query.type, index);
  let { index } = start;
  let open = OpenLog.open(place(index), start.offset);
  const change = watchLogs(dirs.logs, query.signal);
  try {
    for (;;) {
      const over = isOver();
      // Looked for before the file is read to its end: once the next one has grown, nothing is added to this one.
      const next = nextIndex(dirs, task, query.type, index);
      const limit = limitIn(index, end);
      const before = open?.offset;
      if (open !== null) yield* drain(open, limit, relative(dirs.alloc, place(index)));
      if (end !== null && index >= end.index) return;
      if (next === undefined) {
        if (!query.follow || over || query.signal.aborted) return;
        await change.next(open !== null && open.offset !== before);
        continue;
      }
      open?.close();
      index = next;
      open = OpenLog.open(place(index), 0);
    }
  } finally {
    change.close();
    open?.close();
  }
}

/**
 * Reads one file to its end of now, or to `limit`. A guest may write as fast as this reads: without a turn for everything else after
 * each piece, one reader of one such log would stop the whole agent.
 */
async function* drain(open: OpenLog, limit: number, file: string): AsyncGenerator<LogChunk> {
  for (let data = open.read(limit); data.length > 0; data = open.read(limit)) {
    yield { file, offset: open.offset - data.length, data };
    await takeTurns();
  }
}

/** @throws AppError `invalid` when there are names of the log, and none of them is a regular file. */
function findFiles(dirs: TaskDirs, task: string, type: LogType): readonly LogFile[] {
  const indexes = logIndexes(dirs, task, type);
  const files = statLogs(dirs, task, type, indexes);
  const [first] = indexes;
  if (files.length > 0 || first === undefined) return files;
  const isLink = lstat(taskLog(dirs, task, type, first))?.isSymbolicLink();
  throw new AppError("invalid", `the ${type} log is ${isLink ? "a symbolic link" : "not a regular file"}`);
}

/** Null when a followed log never came to be. */
async function waitForFiles(
  list: () => readonly LogFile[],
  query: LogQuery,
  isOver: () => boolean,
): Promise<readonly LogFile[] | null> {
  for (;;) {
    const over = isOver();
    const files = list();
    if (files.length > 0) return files;
    if (!query.follow) throw new AppError("not_found", `there is no ${query.type} log yet: the task has not started`);
    if (over || query.signal.aborted) return null;
    await waitFor(LOOK_FOR, query.signal);
  }
}

/** The index in the name of a file of a log, as a chunk names it. @throws AppError `invalid` when it is none. */
export function indexOfLogFile(file: string, task: string, type: LogType): number {
  const index = readLogIndex(file.slice(file.lastIndexOf("/") + 1), task, type);
  if (index !== undefined) return index;
  throw new AppError("invalid", `file: expected a file of the ${type} log such as alloc/logs/${task}.${type}.0`);
}

/** How far a file is read. */
function limitIn(index: number, end: LogPosition | null): number {
  if (end === null || index < end.index) return Number.POSITIVE_INFINITY;
  return index === end.index ? end.offset : 0;
}

function endOf(files: readonly LogFile[]): LogPosition | null {
  const last = files.at(-1);
  return last === undefined ? null : { index: last.index, offset: last.size };
}

/** Where reading begins. @param files ascending, at least one. */
function startOf(files: readonly LogFile[], { origin, offset }: LogQuery, wanted: number | undefined): LogPosition {
  if (wanted !== undefined) {
    const found = files.find(({ index }) => index >= wanted) ?? { index: wanted, size: 0 };
    return { index: found.index, offset: found.index === wanted ? Math.min(offset, found.size) : 0 };
  }
  const total = files.reduce((sum, { size }) => sum + size, 0);
  let left = origin === "start" ? Math.min(offset, total) : Math.max(0, total - offset);
  for (const { index, size } of files) {
    if (left < size) return { index, offset: left };
    left -= size;
  }
  const last = files.at(-1);
  return { index: last?.index ?? 0, offset: last?.size ?? 0 };
}

/** The first file behind `index` that holds something; what is empty may be the rest of a rotation that failed. */
function nextIndex(dirs: TaskDirs, task: string, type: LogType, index: number): number | undefined {
  const later = logIndexes(dirs, task, type).filter((candidate) => candidate > index);
  return statLogs(dirs, task, type, later).find(({ size }) => size > 0)?.index;
}
