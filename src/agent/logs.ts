import { closeSync, constants, fstatSync, openSync, readSync, watch } from "node:fs";
import { relative } from "node:path";
import { AppError, errnoOf } from "../base/errors.ts";
import { stderrLog, stdoutLog, type TaskDirs } from "../paths.ts";
import type { LogChunk } from "./agent.ts";

/** Largest piece handed on at once; Nomad's frames have this size. */
const CHUNK = 64 << 10;
/** Looked at again after this even when no change was noticed, in milliseconds: file watches are lost on some file systems. */
const LOOK_AGAIN = 1_000;

export interface LogQuery {
  readonly type: "stdout" | "stderr";
  readonly follow: boolean;
  readonly origin: "start" | "end";
  readonly offset: number;
  readonly signal: AbortSignal;
}

/**
 * Reads a task's log as it is or as it grows.
 * @param isOver true once the task will write no more.
 * @throws AppError `not_found` while there is no log, `invalid` when the file is not a regular one.
 */
export async function* readTaskLog(
  dirs: TaskDirs,
  task: string,
  query: LogQuery,
  isOver: () => boolean,
): AsyncGenerator<LogChunk> {
  const path = query.type === "stdout" ? stdoutLog(dirs, task) : stderrLog(dirs, task);
  const file = relative(dirs.alloc, path);
  const fd = await openLog(path, query, isOver);
  if (fd === null) return;
  const change = watchFile(path, query.signal);
  try {
    let offset = startOffset(fd, query);
    for (;;) {
      const over = isOver();
      const data = Buffer.alloc(CHUNK);
      const count = readSync(fd, data, 0, CHUNK, offset);
      if (count > 0) {
        yield { file, offset, data: data.subarray(0, count) };
        offset += count;
        continue;
      }
      // A log that was cut behind our back goes on from its new start.
      if (fstatSync(fd).size < offset) offset = 0;
      else if (!query.follow || over || query.signal.aborted) return;
      else await change.next();
    }
  } finally {
    change.close();
    closeSync(fd);
  }
}

/** Null when a followed log never came to be. */
async function openLog(path: string, query: LogQuery, isOver: () => boolean): Promise<number | null> {
  for (;;) {
    const over = isOver();
    try {
      const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
      if (fstatSync(fd).isFile()) return fd;
      closeSync(fd);
      throw new AppError("invalid", `the ${query.type} log is not a regular file`);
    } catch (error) {
      if (errnoOf(error) === "ELOOP")
        throw new AppError("invalid", `the ${query.type} log is a symbolic link`, { cause: error });
      if (errnoOf(error) !== "ENOENT") throw error;
    }
    if (!query.follow) throw new AppError("not_found", `there is no ${query.type} log yet: the task has not started`);
    if (over || query.signal.aborted) return null;
    await pause(query.signal);
  }
}

function startOffset(fd: number, query: LogQuery): number {
  const size = fstatSync(fd).size;
  return query.origin === "start" ? Math.min(query.offset, size) : Math.max(0, size - query.offset);
}

function watchFile(path: string, signal: AbortSignal): { next(): Promise<void>; close(): void } {
  let changed = false;
  let wake: () => void = () => undefined;
  const watcher = watch(path, () => {
    changed = true;
    wake();
  });
  watcher.on("error", () => wake());
  return {
    next: () =>
      new Promise((resolve) => {
        const timer = setTimeout(() => wake(), LOOK_AGAIN);
        wake = () => {
          clearTimeout(timer);
          signal.removeEventListener("abort", wake);
          changed = false;
          resolve();
        };
        signal.addEventListener("abort", wake, { once: true });
        if (changed || signal.aborted) wake();
      }),
    close: () => watcher.close(),
  };
}

function pause(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, 100);
    signal.addEventListener("abort", done, { once: true });
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    }
  });
}
