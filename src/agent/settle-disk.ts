import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  fsyncSync,
  linkSync,
  lstatSync,
  openSync,
  renameSync,
  rmSync,
  statfsSync,
  truncateSync,
} from "node:fs";
import { endSparse, writeSparse } from "../archive/sparse-file.ts";
import { AppError } from "../base/errors.ts";
import { formatBytes } from "../base/units.ts";
import { syncDirectory } from "../cache/record.ts";
import type { ReadableImage } from "../image/checked.ts";
import { copyImage } from "../image/copy.ts";
import { type DiskRecord, originOf, writeDiskRecord } from "../image/disk-record.ts";
import { closeImage, findImage } from "../image/open.ts";
import { MAX_OVERLAY_BYTES, overlayBytes } from "../image/overlay.ts";
import { kindOfImage, refuseImage } from "../image/readable.ts";
import { readDiskSize } from "../job/disk-mode.ts";
import { type DiskFiles, unfinished } from "../paths.ts";
import type { DiskRequest, NewDisk } from "./disk-request.ts";

/**
 * Decides what the boot disk of an allocation's task is, and makes it. It is made beside its name, recorded, and named then: whatever
 * has the name has a record, so that no disk with somebody's data is ever taken for one that was just being made.
 * @param shown the files as people may see them.
 * @throws AppError `image`, system errors.
 */
export async function settleDisk(files: DiskFiles, shown: DiskFiles, request: NewDisk): Promise<DiskRecord> {
  for (const [path, name] of [
    [files.overlay, shown.overlay],
    [files.copy, shown.copy],
  ] as const) {
    rmSync(unfinished(path), { force: true });
    if (!existsSync(path)) continue;
    throw new AppError("image", `${name} is there, and ${shown.record}, which says what it is, is not`, {
      hint: "it may hold a guest's data: move it to a safe place, and start the machine again",
    });
  }
  const identity = request.linked === null ? undefined : lstatSync(request.linked.path);
  const image = findImage({ ...request.image, linked: identity });
  try {
    const plan = planDisk(image, request);
    if (plan.mode !== "direct") request.assertUnwritten(image);
    if (plan.pinned && request.linked !== null) pin(request.linked.path, image, files);
    if (plan.mode === "overlay") makeOverlay(unfinished(files.overlay), plan.size);
    if (plan.mode === "copy") await makeCopy(image, unfinished(files.copy), plan.size, request.signal);
    const path = plan.pinned && request.linked !== null ? request.linked.path : image.realPath;
    const origin = originOf(fstatSync(image.readOnlyFd), path, request.linked?.checksum ?? null);
    const { mode, kind, pinned } = plan;
    const record: DiskRecord = { mode, kind, pinned, origin };
    writeDiskRecord(files.record, record);
    if (mode === "overlay") renameSync(unfinished(files.overlay), files.overlay);
    if (mode === "copy") renameSync(unfinished(files.copy), files.copy);
    syncDirectory(files.dir);
    for (const message of describe(record, plan.size, image, files, shown)) request.tell(message);
    return record;
  } finally {
    closeImage(image);
  }
}

interface DiskPlan extends Pick<DiskRecord, "mode" | "kind" | "pinned"> {
  /** Bytes that the guest sees. */
  readonly size: number;
}

/** @throws AppError `image` for a `disk_size` that cannot be had. */
function planDisk(image: ReadableImage, { wanted, linked }: DiskRequest): DiskPlan {
  const asked = wanted.disk_size === undefined ? undefined : readDiskSize(wanted.disk_size);
  if (wanted.disk_size !== undefined && asked === undefined) {
    throw new AppError(
      "invalid",
      `config.disk_size: expected a size such as "20GiB", found ${JSON.stringify(wanted.disk_size)}`,
    );
  }
  const refuse = (why: string, hint: string): AppError =>
    refuseImage(image.name, `disk_size ${formatBytes(asked ?? 0)}: ${why}`, hint);
  // What was made to be burnt is not written to, unless the job says so.
  const mode = wanted.disk ?? (linked !== null && !image.cdrom ? "overlay" : "direct");
  if (asked !== undefined && mode === "direct") {
    throw refuse("this image is used in place", 'use disk = "overlay", or grow the image with qemu-img resize');
  }
  if (asked !== undefined && asked < image.virtualSize) {
    throw refuse(
      `the image has a disk of ${formatBytes(image.virtualSize)} (${image.virtualSize} bytes), which is more`,
      "disks do not shrink: ask for that much or leave disk_size out",
    );
  }
  if (mode === "overlay" && (asked ?? image.virtualSize) > MAX_OVERLAY_BYTES) {
    throw refuse(`an overlay reaches to ${formatBytes(MAX_OVERLAY_BYTES)}`, "ask for less");
  }
  if (asked !== undefined && mode === "copy" && image.format === "qcow2") {
    throw refuse("a copy of a qcow2 stays as large as it is", 'use disk = "overlay"');
  }
  const kind = mode === "direct" ? kindOfImage(image) : image.format;
  return { mode, kind, pinned: linked !== null && mode !== "copy", size: asked ?? image.virtualSize };
}

/** Gives the cache's file a name that keeps it, whatever becomes of the cache's own and of the one in the task directory. */
function pin(path: string, { identity, name }: ReadableImage, files: DiskFiles): void {
  rmSync(files.base, { force: true });
  linkSync(path, files.base);
  if (lstatSync(files.base).ino === identity.ino) return;
  throw refuseImage(name, "it is not the file that was fetched", "run the job again");
}

function makeOverlay(path: string, size: number): void {
  const bytes = overlayBytes(size);
  const fd = openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
  try {
    writeSparse(fd, bytes, 0);
    endSparse(fd, bytes.length);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

async function makeCopy(image: ReadableImage, path: string, size: number, signal: AbortSignal): Promise<void> {
  await copyImage(image.readOnlyFd, path, signal);
  if (image.format === "raw" && size > image.virtualSize) truncateSync(path, size);
}

function describe(
  record: DiskRecord,
  size: number,
  image: ReadableImage,
  files: DiskFiles,
  shown: DiskFiles,
): string[] {
  if (record.mode === "direct") return [];
  const path = record.mode === "overlay" ? shown.overlay : shown.copy;
  const how = record.mode === "overlay" ? "an overlay over" : "a copy of";
  const made = `the disk is ${path}, ${how} ${record.origin.path} (${image.format}), ${formatBytes(size)}`;
  const { blocks, bavail, bsize } = statfsSync(files.dir);
  const free = bavail * bsize;
  if (blocks === 0 || size <= free) return [made];
  return [made, `the disk may grow to ${formatBytes(size)}, and there are ${formatBytes(free)} free where it lies`];
}
