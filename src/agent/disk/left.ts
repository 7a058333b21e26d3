import { closeSync, constants, existsSync, fstatSync, lstatSync, openSync, realpathSync, type Stats } from "node:fs";
import { resolve } from "node:path";
import type { Allocation } from "../../allocation/allocation.ts";
import { AppError, errnoOf } from "../../base/errors.ts";
import { mtimeOf } from "../../cache/entry.ts";
import { changeOf, type DiskRecord } from "../../image/disk-record.ts";
import { isUntouched } from "../../image/overlay.ts";
import { type AgentDirs, type DiskFiles, diskFiles, type TaskDirs, taskDirs } from "../../paths.ts";
import { readArguments } from "../../qemu/arguments.ts";
import { namedFiles } from "../../qemu/files.ts";
import type { Store } from "../../state/store.ts";
import { withDiskFiles } from "../../supervisor/own-files.ts";
import { fileOf } from "./bring.ts";
import { findRecord } from "./record.ts";

/** A disk in the directory of an allocation that has ended, with what its guest wrote. */
export interface LeftDisk {
  readonly task: string;
  /** Where it lies, for people. */
  readonly path: string;
  /** Bytes that it takes; of an overlay, what was written. 0 when nobody can tell. */
  readonly bytes: number;
}

interface Context {
  readonly store: Pick<Store, "lastLaunch" | "jobVersion">;
  readonly dirs: AgentDirs;
}

/**
 * The disks that guests have written to in an allocation's directory: somebody's data. What cannot be told counts as one.
 * @param allocation one that has ended.
 */
export async function findLeftDisks(context: Context, allocation: Allocation): Promise<LeftDisk[]> {
  const found = await Promise.all(Object.keys(allocation.tasks).map((task) => disksOf(context, allocation, task)));
  return found.flat();
}

async function disksOf(context: Context, allocation: Allocation, task: string): Promise<LeftDisk[]> {
  const dirs = taskDirs(context.dirs, allocation.id, task);
  const last = context.store.lastLaunch(allocation.id, task);
  const shown = diskFiles(dirs);
  try {
    return await withDiskFiles(dirs, (files) => {
      const record = findRecord(last, { files, shown });
      // Before its first start no machine has written anything, but the disk of the one before may have moved along.
      if (last === undefined && (record === undefined || record.mode === "direct")) return [];
      const boot =
        record === undefined
          ? formerDisk(context, allocation, task, dirs)
          : recordedDisk(record, files, dirs, allocation);
      const since = lstatSync(files.record, { throwIfNoEntry: false })?.mtimeMs ?? 0;
      const more = namedDisks(context, allocation, task, dirs).filter(
        ({ path }) => path !== boot?.path && wasWritten(path, since),
      );
      return [...(boot === null ? [] : [boot]), ...more].map((disk) => ({ task, ...disk }));
    });
  } catch (error) {
    if (!(error instanceof AppError) && errnoOf(error) === undefined) throw error;
    // It failed before it had any directory.
    if (last === undefined && errnoOf(error) === "ENOENT") return [];
    return [{ task, path: dirs.task, bytes: 0 }];
  }
}

type Found = Omit<LeftDisk, "task">;

function recordedDisk(record: DiskRecord, files: DiskFiles, dirs: TaskDirs, allocation: Allocation): Found | null {
  if (record.mode === "direct") {
    const { origin, pinned } = record;
    if (pinned || !isBelow(dirs.alloc, origin.path)) return null;
    const stats = lstatSync(origin.path, { throwIfNoEntry: false });
    return stats === undefined || changeOf(stats, origin) === undefined
      ? null
      : { path: origin.path, bytes: stats.blocks * 512 };
  }
  const path = fileOf(record.mode, files);
  // It moved along.
  if (!existsSync(path)) return null;
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const stats = fstatSync(fd);
    const left = { path: fileOf(record.mode, diskFiles(dirs)), bytes: stats.blocks * 512 };
    if (record.mode === "overlay") return isUntouched(fd, stats.size) ? null : left;
    // A copy has the image's time until somebody writes to it, or moves it along; those of former versions had none.
    return mtimeOf(stats) !== record.origin.mtime || allocation.previousAllocation !== undefined ? left : null;
  } finally {
    closeSync(fd);
  }
}

/** What a former version started wrote into the image itself, and nobody kept what that was before. */
function formerDisk({ store }: Context, { id }: Pick<Allocation, "id">, task: string, dirs: TaskDirs): Found | null {
  const launch = store.lastLaunch(id, task);
  // What this version starts has a record, unless somebody took it away: then nobody knows what is where.
  if (launch?.image?.mode !== undefined) return { path: dirs.task, bytes: 0 };
  const path = launch?.image?.path ?? dirs.local;
  if (!isBelow(dirs.alloc, path)) return null;
  const stats = lstatSync(path, { throwIfNoEntry: false });
  return stats === undefined ? null : { path, bytes: stats.isFile() ? stats.blocks * 512 : 0 };
}

/** Files of the allocation that its job's `args` name to be written to, such as a second disk. */
function namedDisks({ store }: Context, allocation: Allocation, task: string, dirs: TaskDirs): Found[] {
  const job = store.jobVersion(allocation.jobId, allocation.jobVersion)?.job;
  const group = job?.groups.find(({ name }) => name === allocation.group);
  const config = group?.tasks.find(({ name }) => name === task)?.config;
  return namedFiles(readArguments(config?.args ?? [])).flatMap(({ path, access }) => {
    const place = resolve(dirs.task, path);
    if (access !== "write" || !isBelow(dirs.alloc, place)) return [];
    const stats = lstatSync(place, { throwIfNoEntry: false });
    return stats?.isFile() === true ? [{ path: place, bytes: stats.blocks * 512 }] : [];
  });
}

function wasWritten(path: string, since: number): boolean {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  return stats !== undefined && isWrittenSince(stats, since);
}

/**
 * Whether a file that the agent put there was written to. One that was changed before it was made tells of a clock that was set back, and
 * after that its times say nothing.
 * @param since milliseconds since 1970, when all that the agent put there was there.
 */
export const isWrittenSince = (
  { mtimeMs, ctimeMs, birthtimeMs }: Pick<Stats, "mtimeMs" | "ctimeMs" | "birthtimeMs">,
  since: number,
): boolean => mtimeMs > since || ctimeMs < birthtimeMs;

/** Whether a path lies in a directory of the agent's, which may have been named by way of a link; images are recorded by their real paths. */
export const isBelow = (dir: string, path: string): boolean =>
  path.startsWith(`${dir}/`) || path.startsWith(`${realpathSync(dir)}/`);
