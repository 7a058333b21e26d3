import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  ftruncateSync,
  linkSync,
  openSync,
  rmSync,
  type Stats,
} from "node:fs";
import type { Allocation } from "../../allocation/allocation.ts";
import { AppError, errnoOf } from "../../base/errors.ts";
import { shortId } from "../../base/ids.ts";
import { formatBytes } from "../../base/units.ts";
import { changeOf, type DiskOrigin, type DiskRecord, isProof } from "../../image/disk-record.ts";
import { growOverlay, isUntouched } from "../../image/overlay.ts";
import { readImage } from "../../image/readable.ts";
import { type AgentDirs, type DiskFiles, diskFiles, taskDirs, unfinished } from "../../paths.ts";
import type { Store } from "../../state/store.ts";
import { withDiskFiles } from "../../supervisor/own-files.ts";
import { findRecord } from "./record.ts";

/** A disk that a guest has written to, in an allocation before. */
export interface FormerDisk {
  readonly allocation: Allocation;
  readonly task: string;
  readonly record: DiskRecord;
  /** Where it lies, for people. */
  readonly path: string;
  /** Bytes that it takes: of an overlay, what was written. */
  readonly bytes: number;
  /** False for an overlay that is as it was made. */
  readonly written: boolean;
}

/** Longer chains of allocations that never came to a disk are not followed. */
export const LONGEST_CHAIN = 100;

/**
 * The disk that an allocation's task left, or the nearest one before it that had any.
 * @returns undefined when there is none of the agent's own making.
 */
export async function findFormerDisk(
  { store, dirs }: { readonly store: Pick<Store, "allocation" | "lastLaunch">; readonly dirs: AgentDirs },
  id: string | undefined,
  task: string,
): Promise<FormerDisk | undefined> {
  let next = id;
  for (let steps = 0; next !== undefined && steps < LONGEST_CHAIN; steps++) {
    const allocation = store.allocation(next);
    if (allocation === undefined) return undefined;
    const found = await lookAt(store, allocation, task, dirs);
    if (found !== "nothing") return found === "in place" ? undefined : found;
    next = allocation.previousAllocation;
  }
  return undefined;
}

async function lookAt(
  store: Pick<Store, "lastLaunch">,
  allocation: Allocation,
  task: string,
  dirs: AgentDirs,
): Promise<FormerDisk | "nothing" | "in place"> {
  const own = taskDirs(dirs, allocation.id, task);
  const shown = diskFiles(own);
  try {
    return await withDiskFiles(own, (files) => {
      const record = findRecord(store.lastLaunch(allocation.id, task), { files, shown });
      if (record === undefined) return "nothing";
      if (record.mode === "direct") return "in place";
      const path = fileOf(record.mode, files);
      if (!existsSync(path)) return "nothing";
      return withFile(path, constants.O_RDONLY, (fd) => {
        const { blocks, size } = fstatSync(fd);
        const written = record.mode !== "overlay" || !isUntouched(fd, size);
        return { allocation, task, record, path: fileOf(record.mode, shown), bytes: blocks * 512, written };
      });
    });
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return "nothing";
    throw error;
  }
}

/** What the disk of a new allocation is to be. */
export interface WantedDisk {
  readonly mode: DiskRecord["mode"];
  /** Of the image, as it is now. */
  readonly origin: DiskOrigin;
  readonly stats: Stats;
  /** `disk_size` in bytes; undefined for as many as it has. */
  readonly asked: number | undefined;
}

/** Why a disk cannot stand over an image; undefined when it can. */
export function differenceOf({ record }: FormerDisk, { mode, origin, stats }: WantedDisk): string | undefined {
  if (record.mode !== mode) return `it was made with disk = "${record.mode}", and the job asks for "${mode}"`;
  if (isProof(origin.checksum) && record.origin.checksum === origin.checksum) return undefined;
  return changeOf(stats, record.origin) === undefined
    ? undefined
    : `it was made over another image, ${record.origin.path}`;
}

/**
 * Gives a disk that fits a second name among the files of a new allocation, and more bytes when they are asked for. The first name
 * stays until the new allocation has recorded the disk as its own.
 * @returns bytes that the guest sees.
 * @throws AppError `image` for a disk that would have to shrink; `conflict` while its machine lives.
 */
export async function bringDisk(
  former: FormerDisk,
  { asked }: WantedDisk,
  files: DiskFiles,
  dirs: AgentDirs,
): Promise<number> {
  const { allocation, task, record } = former;
  if (allocation.tasks[task]?.machine.kind !== "ended") {
    throw new AppError("conflict", `the disk of allocation ${shortId(allocation.id)} is still its machine's`);
  }
  return await withDiskFiles(taskDirs(dirs, allocation.id, task), (theirs) => {
    const from = fileOf(record.mode, theirs);
    const size = withFile(from, constants.O_RDWR, (fd) => grow(fd, former, asked));
    linkSync(from, unfinished(fileOf(record.mode, files)));
    return size;
  });
}

/** Takes a disk's name from the allocation that it came from: it has another one by now. @throws AppError `invalid`, system errors. */
export async function leaveDisk({ allocation, task, record }: FormerDisk, dirs: AgentDirs): Promise<void> {
  await withDiskFiles(taskDirs(dirs, allocation.id, task), (theirs) => {
    rmSync(fileOf(record.mode, theirs), { force: true });
  });
}

function grow(fd: number, { record, path }: FormerDisk, asked: number | undefined): number {
  const kind = record.mode === "overlay" ? "qcow2" : record.kind;
  const { virtualSize } = readImage({ name: record.origin.path, realPath: path, fd, kind });
  if (asked === undefined || asked === virtualSize) return virtualSize;
  if (asked < virtualSize) {
    throw new AppError(
      "image",
      `disk_size ${formatBytes(asked)}: the disk that moves along from the allocation before has ${formatBytes(virtualSize)}, and disks do not shrink`,
      { hint: "ask for that much, or leave disk_size out" },
    );
  }
  if (record.mode === "overlay") growOverlay(fd, asked);
  else ftruncateSync(fd, asked);
  return asked;
}

export const fileOf = (mode: DiskRecord["mode"], files: DiskFiles): string =>
  mode === "overlay" ? files.overlay : files.copy;

function withFile<T>(path: string, flags: number, use: (fd: number) => T): T {
  const fd = openSync(path, flags | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    return use(fd);
  } finally {
    closeSync(fd);
  }
}
