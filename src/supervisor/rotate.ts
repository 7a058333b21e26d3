import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  renameSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { AppError, errnoOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { type LogFile, listUntrusted, logIndexes, statLogs } from "../logs/files.ts";
import type { MachineUser } from "../node/users.ts";
import {
  isNextSerialSocketName,
  type LogType,
  MAX_LOG_INDEX,
  type MachineSockets,
  type TaskDirs,
  taskLog,
} from "../paths.ts";
import { assertOwnFile, giveFile, logMode } from "./own-files.ts";

/** What a job's `logs` block allows each log of a task. */
export interface LogLimits {
  /** From 1. */
  readonly maxFiles: number;
  readonly maxBytes: number;
}

/** One log of one task, and what it may take. */
export interface LogOf {
  readonly dirs: TaskDirs;
  readonly task: string;
  readonly type: LogType;
  readonly limits: LogLimits;
  /** Whom its files belong to; null for the agent's own user. */
  readonly user: MachineUser | null;
}

/** What is to become of the files that are written no more. */
export interface Tidying {
  readonly remove: readonly number[];
  /** The file that alone has more than all may have together: only its end can stay. Null when there is none. */
  readonly cut: number | null;
}

/**
 * Which of the closed files of a log go: the oldest beyond `max_files` (the one that is written counts), and the oldest while all
 * together have more than `max_files` × `max_file_size`, so that late looks do not add up. The newest is never removed for its size.
 * @param closed ascending by index.
 */
export function planTidying(closed: readonly LogFile[], { maxFiles, maxBytes }: LogLimits): Tidying {
  const allowed = maxFiles * maxBytes;
  const kept = maxFiles === 1 ? [] : closed.slice(1 - maxFiles);
  const newest = kept.at(-1);
  const cut = newest !== undefined && newest.size > allowed ? newest.index : null;
  let room = allowed - (cut === null ? (newest?.size ?? 0) : maxBytes);
  let stays = Math.max(0, kept.length - 1);
  while (stays > 0 && room >= (kept[stays - 1]?.size ?? 0)) room -= kept[--stays]?.size ?? 0;
  const staying = new Set(kept.slice(stays).map(({ index }) => index));
  return { remove: closed.map(({ index }) => index).filter((index) => !staying.has(index)), cut };
}

/** Most files that are removed at a time, or a hostile machine could keep the agent busy. */
const REMOVED_AT_ONCE = 1_000;
/** How many names are tried for the next file where something stands in the way. */
const NAMES_TRIED = 16;

/**
 * Makes the file that a log goes on in, behind the one that is written now. What stands at higher indexes is left of a failed
 * attempt, or a hostile machine's.
 * @returns its index. @throws AppError `conflict` when there is no free index.
 */
export function makeNextLog({ dirs, task, type, user }: LogOf, active: number): number {
  const above = logIndexes(dirs, task, type).filter((index) => index > active);
  for (const index of above.slice(0, REMOVED_AT_ONCE)) removeLog(taskLog(dirs, task, type, index));
  for (let index = active + 1; index <= Math.min(active + NAMES_TRIED, MAX_LOG_INDEX); index++) {
    try {
      closeSync(createLog(taskLog(dirs, task, type, index), user));
      return index;
    } catch (error) {
      if (errnoOf(error) !== "EEXIST") throw error;
    }
  }
  throw new AppError("conflict", `no file behind ${task}.${type}.${active} can be made: the names are taken`);
}

function createLog(path: string, user: MachineUser | null): number {
  const fd = openSync(path, CREATE, logMode(user));
  giveFile(fd, user);
  return fd;
}

const CREATE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
const READ_WRITE = constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** Removes a file of a log, if it is there; a directory that a hostile machine made in its place stays. */
export function removeLog(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (!["ENOENT", "EISDIR", "EPERM"].includes(errnoOf(error) ?? "")) throw error;
  }
}

/**
 * Removes what a log has too much of.
 * @param active the file that is written now; it is left alone, as is everything behind it.
 * @param mayCut whether the beginning of a file that is far too long may go: nobody may be reading it.
 * @returns how many bytes were cut off.
 */
export function tidyLog(log: LogOf, active: number, mayCut: boolean): number {
  const { dirs, task, type, limits } = log;
  const older = logIndexes(dirs, task, type).filter((index) => index < active);
  const files = statLogs(dirs, task, type, older);
  const { remove, cut } = planTidying(files, limits);
  const ours = new Set(files.map(({ index }) => index));
  // Links and FIFOs with a log's name are a hostile machine's.
  const strange = older.filter((index) => !ours.has(index));
  for (const index of [...strange, ...remove].slice(0, REMOVED_AT_ONCE)) removeLog(taskLog(dirs, task, type, index));
  return cut !== null && mayCut ? cutToEnd(log, taskLog(dirs, task, type, cut)) : 0;
}

/** Leaves the end of a file that nobody writes. @returns how many bytes went. */
function cutToEnd({ limits, user }: LogOf, path: string): number {
  const source = openSync(path, READ_WRITE);
  try {
    assertOwnFile(source, path, user);
    const from = Math.max(0, fstatSync(source).size - limits.maxBytes);
    copyFrom({ source, from, user }, `${path}.new`);
    renameSync(`${path}.new`, path);
    return from;
  } finally {
    closeSync(source);
  }
}

/**
 * Lets a log that a process holds open for appending begin anew: the file moves to the next index, what was in it is copied to the
 * index that it had, and it is emptied. What is written between the last two is lost.
 * @returns the index of the emptied file, and how many bytes of a file that was far too long were not copied.
 */
export function copyAndTruncate(log: LogOf, active: number): { readonly active: number; readonly cut: number } {
  const { dirs, task, type, limits, user } = log;
  const path = taskLog(dirs, task, type, active);
  const fd = openSync(path, READ_WRITE);
  try {
    assertOwnFile(fd, path, user);
    const { size } = fstatSync(fd);
    const next = makeNextLog(log, active);
    const cut = size > limits.maxFiles * limits.maxBytes ? size - limits.maxBytes : 0;
    copyFrom({ source: fd, from: cut, user }, `${path}.new`, () => {
      renameSync(path, taskLog(dirs, task, type, next));
      renameSync(`${path}.new`, path);
    });
    ftruncateSync(fd, 0);
    return { active: next, cut };
  } finally {
    closeSync(fd);
  }
}

const COPIED_AT_ONCE = 1 << 20;

interface Copying {
  readonly source: number;
  /** In bytes. */
  readonly from: number;
  readonly user: MachineUser | null;
}

/** @param last done when everything was copied, just before what came meanwhile is. */
function copyFrom({ source, from, user }: Copying, path: string, last?: () => void): void {
  removeLog(path);
  const target = createLog(path, user);
  const buffer = Buffer.alloc(COPIED_AT_ONCE);
  try {
    let offset = from;
    const copyUpTo = (end: number): void => {
      while (offset < end) {
        const count = readSync(source, buffer, 0, Math.min(buffer.length, end - offset), offset);
        if (count === 0) return;
        for (let written = 0; written < count; ) written += writeSync(target, buffer, written, count - written);
        offset += count;
      }
    };
    // The size is asked for once each time: whoever writes faster than this copies is not followed for ever.
    copyUpTo(fstatSync(source).size);
    last?.();
    copyUpTo(fstatSync(source).size);
  } finally {
    closeSync(target);
  }
}

/** Gives the serial port's new socket the name that viewers know, also one that a killed agent left unnamed. */
export function nameSerialSocket(sockets: MachineSockets, log: Log): void {
  for (const name of listUntrusted(sockets.dir).filter(isNextSerialSocketName)) {
    try {
      renameSync(join(sockets.dir, name), sockets.serial);
    } catch (error) {
      log.warn("the serial port's socket cannot be renamed", { path: sockets.serial, error: String(error) });
    }
  }
}
