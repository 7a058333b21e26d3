import { type Dirent, lstatSync, opendirSync, readlinkSync, realpathSync, type Stats } from "node:fs";
import { basename, dirname } from "node:path";
import { errnoOf } from "../base/errors.ts";
import { type LogType, readLogIndex, type TaskDirs, taskLog } from "../paths.ts";

/** Most entries of a machine's directory that are looked at: a hostile machine may have filled it. */
const MOST_ENTRIES = 20_000;

/** One file of a log; a regular one when it was looked at. */
export interface LogFile {
  readonly index: number;
  /** In bytes. */
  readonly size: number;
}

/** The names in a directory that a machine owns, bounded; none when there is no such directory. */
export function listUntrusted(path: string): readonly string[] {
  const names: string[] = [];
  try {
    const directory = opendirSync(path);
    try {
      let entry: Dirent | null = directory.readSync();
      for (; entry !== null && names.length < MOST_ENTRIES; entry = directory.readSync()) names.push(entry.name);
    } finally {
      directory.closeSync();
    }
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw error;
  }
  return names;
}

/** The indexes of everything that is named like a file of this log, ascending, whatever it is. */
export function logIndexes(dirs: TaskDirs, task: string, type: LogType): readonly number[] {
  return listUntrusted(dirs.logs)
    .flatMap((name) => readLogIndex(name, task, type) ?? [])
    .sort((a, b) => a - b);
}

/** The regular ones among files of a log, in the order given. */
export function statLogs(dirs: TaskDirs, task: string, type: LogType, indexes: readonly number[]): readonly LogFile[] {
  return indexes.flatMap((index) => {
    const stat = lstat(taskLog(dirs, task, type, index));
    return stat?.isFile() ? [{ index, size: stat.size }] : [];
  });
}

/** Where a log is gone on with: its newest regular file, the first one when there is none. */
export function newestLog(dirs: TaskDirs, task: string, type: LogType): string {
  return taskLog(dirs, task, type, newestIndex(dirs, task, type));
}

/** The index of `newestLog`. */
export function newestIndex(dirs: TaskDirs, task: string, type: LogType): number {
  const isFile = (index: number): boolean => lstat(taskLog(dirs, task, type, index))?.isFile() ?? false;
  return logIndexes(dirs, task, type).findLast(isFile) ?? 0;
}

/** What stands at a path, links not followed; undefined when nothing does. */
export function lstat(path: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false });
}

/**
 * The file of a log that a process has open, as the kernel says: the names in the directory are the machine's to make.
 * @param descriptors which of the process's descriptors count.
 * @returns the highest index, or undefined when there is none or the process may not be looked at.
 */
export function openLogIndex(
  pid: number,
  place: { readonly dirs: TaskDirs; readonly task: string },
  type: LogType,
  descriptors: (descriptor: number) => boolean,
): number | undefined {
  try {
    const logs = realpathSync(place.dirs.logs);
    const found = listUntrusted(`/proc/${pid}/fd`)
      .filter((name) => descriptors(Number(name)))
      .map((name) => readLink(`/proc/${pid}/fd/${name}`))
      .flatMap((path) => (dirname(path) === logs ? (readLogIndex(basename(path), place.task, type) ?? []) : []));
    return found.length === 0 ? undefined : Math.max(...found);
  } catch (error) {
    if (["ENOENT", "ESRCH", "EACCES", "EPERM"].includes(errnoOf(error) ?? "")) return undefined;
    throw error;
  }
}

/** "" for a descriptor that was closed meanwhile. */
function readLink(path: string): string {
  try {
    return readlinkSync(path);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return "";
    throw error;
  }
}
