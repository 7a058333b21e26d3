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
} from "node:fs";
import { endSparse, writeSparse } from "../../archive/sparse-file.ts";
import { AppError } from "../../base/errors.ts";
import { shortId } from "../../base/ids.ts";
import { formatBytes } from "../../base/units.ts";
import { isNoSecondName } from "../../cache/publish.ts";
import { syncDirectory } from "../../cache/record.ts";
import type { ReadableImage } from "../../image/checked.ts";
import { type DiskRecord, isInPlace, originOf, writeDiskRecord } from "../../image/disk-record.ts";
import { closeImage, findImage } from "../../image/open.ts";
import { MAX_OVERLAY_BYTES, overlayBytes } from "../../image/overlay.ts";
import { kindOfImage, refuseImage } from "../../image/readable.ts";
import { runCopy } from "../../image/run-copy.ts";
import { readDiskSize } from "../../job/disk-mode.ts";
import { type DiskFiles, unfinished } from "../../paths.ts";
import { bringDisk, differenceOf, type FormerDisk, fileOf, leaveDisk, type WantedDisk } from "./bring.ts";
import type { DiskRequest, NewDisk } from "./request.ts";

/** What was decided of a disk. */
export interface SettledDisk {
  readonly record: DiskRecord;
  /** An image in place, which is open already; the caller closes it. Null for a disk that is to be opened by its record. */
  readonly inPlace: ReadableImage | null;
}

/**
 * Decides what the boot disk of an allocation's task is, and makes it. It is made beside its name, recorded, and named then: whatever
 * has the name has a record, so that no disk with somebody's data is ever taken for one that was just being made.
 * @param shown the files as people may see them.
 * @throws AppError `image`, system errors.
 */
export async function settleDisk(files: DiskFiles, shown: DiskFiles, request: NewDisk): Promise<SettledDisk> {
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
  const identity = request.linked === null ? undefined : identityOf(request.linked.path, request.image.imagePath);
  const image = findImage({ ...request.image, linked: identity });
  let settled: SettledDisk | undefined;
  try {
    const plan = planDisk(image, request);
    if (plan.mode !== "direct") request.assertUnwritten(image);
    const pinned = plan.pinned && request.linked !== null && pin(request.linked.path, image, files);
    const path = pinned ? request.linked.path : image.realPath;
    const stats = fstatSync(image.readOnlyFd);
    const origin = originOf(stats, path, request.linked?.checksum ?? null);
    const { mode } = plan;
    const brought = await bring({ mode, origin, stats, asked: askedSize(request) }, request, files);
    if (brought === undefined && mode === "overlay") makeOverlay(unfinished(files.overlay), plan.size);
    if (brought === undefined && mode === "copy") {
      await makeCopy(image, plan.size, request, files, shown);
    }
    const record: DiskRecord = { mode, kind: brought?.kind ?? plan.kind, pinned, origin };
    writeDiskRecord(files.record, record);
    if (mode !== "direct") renameSync(unfinished(fileOf(mode, files)), fileOf(mode, files));
    if (!isInPlace(record)) syncDirectory(files.dir);
    // Its former machine may have put something in the place of that directory: then a name is left, and no more.
    if (brought !== undefined) await leaveDisk(brought.former, request.dirs).catch(() => undefined);
    for (const message of describe(record, brought ?? plan, image, files, shown)) request.tell(message);
    settled = { record, inPlace: isInPlace(record) ? image : null };
    return settled;
  } finally {
    if (settled?.inPlace == null) closeImage(image);
  }
}

/** A disk that moves along from the allocation before. */
interface Brought {
  readonly former: FormerDisk;
  readonly kind: DiskRecord["kind"];
  readonly size: number;
}

/** @returns undefined when there is none, or none that fits, which is told. */
async function bring(
  wanted: WantedDisk,
  { former, dirs, tell }: NewDisk,
  files: DiskFiles,
): Promise<Brought | undefined> {
  if (former === undefined || wanted.mode === "direct") return undefined;
  const difference = differenceOf(former, wanted);
  if (difference !== undefined) {
    tell(
      `the disk of allocation ${shortId(former.allocation.id)} does not move along and stays in ${former.path}: ${difference}`,
    );
    return undefined;
  }
  const size = await bringDisk(former, wanted, files, dirs);
  return { former, kind: former.record.kind, size };
}

interface DiskPlan extends Pick<DiskRecord, "mode" | "kind" | "pinned"> {
  /** Bytes that the guest sees. */
  readonly size: number;
}

/** @throws AppError `image` for a `disk_size` that cannot be had. */
function planDisk(image: ReadableImage, request: DiskRequest): DiskPlan {
  const { wanted, linked } = request;
  const asked = askedSize(request);
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

/** Bytes of `disk_size`. @throws AppError `invalid`. */
function askedSize({ wanted: { disk_size: text } }: DiskRequest): number | undefined {
  const asked = text === undefined ? undefined : readDiskSize(text);
  if (text === undefined || asked !== undefined) return asked;
  throw new AppError("invalid", `config.disk_size: expected a size such as "20GiB", found ${JSON.stringify(text)}`);
}

/** @throws AppError `fetch`, after which it is fetched anew, when somebody has read the entry again and set it aside. */
function identityOf(path: string, name: string): ReadableImage["identity"] {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats !== undefined) return stats;
  throw new AppError("fetch", `image_path ${JSON.stringify(name)}: what was fetched went from the cache: ${path}`, {
    hint: "it was found damaged, or somebody removed it by hand; the next start fetches it again",
  });
}

/**
 * Gives the cache's file a name that keeps it, whatever becomes of the cache's own and of the one in the task directory.
 * @returns false where the file system knows no second names: then it has to stay where it is.
 */
function pin(path: string, { identity, name }: ReadableImage, files: DiskFiles): boolean {
  rmSync(files.base, { force: true });
  try {
    linkSync(path, files.base);
  } catch (error) {
    if (isNoSecondName(error)) return false;
    throw error;
  }
  if (lstatSync(files.base).ino === identity.ino) return true;
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

async function makeCopy(
  { name, format, readOnlyFd }: ReadableImage,
  virtualSize: number,
  { signal, tell, cache }: NewDisk,
  files: DiskFiles,
  shown: DiskFiles,
): Promise<void> {
  const { size, blocks } = fstatSync(readOnlyFd);
  tell(`copying ${name} (${format}, ${formatBytes(Math.min(size, blocks * 512))}) to ${shown.copy}`);
  const wanted = format === "raw" ? Math.max(size, virtualSize) : size;
  await runCopy(readOnlyFd, unfinished(files.copy), { size: wanted, cache, signal });
}

function describe(
  record: DiskRecord,
  { size, former }: { readonly size: number; readonly former?: FormerDisk },
  image: ReadableImage,
  files: DiskFiles,
  shown: DiskFiles,
): string[] {
  if (record.mode === "direct") return [];
  const path = fileOf(record.mode, shown);
  const how = record.mode === "overlay" ? "an overlay over" : "a copy of";
  const from = former === undefined ? "" : `; it moved along from allocation ${shortId(former.allocation.id)}`;
  const made = `the disk is ${path}, ${how} ${record.origin.path} (${image.format}), ${formatBytes(size)}${from}`;
  const { blocks, bavail, bsize } = statfsSync(files.dir);
  const free = bavail * bsize;
  if (blocks === 0 || size <= free) return [made];
  return [made, `the disk may grow to ${formatBytes(size)}, and there are ${formatBytes(free)} free where it lies`];
}
