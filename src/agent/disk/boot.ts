import { closeSync, constants, existsSync, fstatSync, openSync, renameSync } from "node:fs";
import { AppError, errnoOf } from "../../base/errors.ts";
import { syncDirectory } from "../../cache/record.ts";
import type { BootDisk, CheckedImage, ReadableImage } from "../../image/checked.ts";
import { changeOf, type DiskRecord, isProof, originOf, remedyOf, writeDiskRecord } from "../../image/disk-record.ts";
import { closeImage, findImage, openForWriting, openOrClose } from "../../image/open.ts";
import { inspectOverlay } from "../../image/overlay.ts";
import { type ImageKind, kindOfImage, readImage, refuseImage } from "../../image/readable.ts";
import { cacheDir, type DiskFiles, diskFiles, unfinished } from "../../paths.ts";
import { withDiskFiles } from "../../supervisor/own-files.ts";
import type { AgentContext } from "../context.ts";
import { findFormerDisk } from "./bring.ts";
import type { ImageBook } from "./image-holder.ts";
import { findRecord } from "./record.ts";
import type { DiskRequest, NewDisk } from "./request.ts";
import { settleDisk } from "./settle.ts";

type DiskContext = Pick<AgentContext, "store" | "dirs" | "site"> & { readonly images: ImageBook };

/** A boot disk with what says that it is this one. */
export interface RecordedDisk extends BootDisk {
  readonly record: DiskRecord;
}

/**
 * Opens the boot disk of a machine, which is decided once per allocation: every later start has the very same one, of the same format,
 * whatever its guest wrote into it.
 * @returns descriptors that the caller closes.
 * @throws AppError `image`, `invalid`.
 */
export async function openBootDisk(context: DiskContext, request: DiskRequest): Promise<RecordedDisk> {
  const shown = diskFiles(request.place.dirs);
  try {
    return await withDiskFiles(request.place.dirs, async (files) => {
      const record = findRecord(request.last, { files, shown });
      if (record !== undefined) return openRecorded(request.image, record, files, shown);
      const settled = await settleDisk(files, shown, await newDisk(context, request));
      if (settled.inPlace !== null) return openFound(settled.inPlace, settled.record);
      return openRecorded(request.image, settled.record, files, shown);
    });
  } catch (error) {
    const code = errnoOf(error);
    if (error instanceof AppError || code === undefined) throw error;
    throw new AppError("image", `the disk in ${shown.dir} cannot be made or opened: ${code}`, { cause: error });
  }
}

/** @throws AppError `image` when the machine had a disk of its own: it must not start on another one. */
async function newDisk({ store, dirs, site, images }: DiskContext, request: DiskRequest): Promise<NewDisk> {
  const mode = request.last?.image?.mode ?? "direct";
  if (mode !== "direct") {
    const { record } = diskFiles(request.place.dirs);
    throw new AppError(
      "image",
      `this machine has run on a disk of its own (${mode}), and ${record} is not there any more`,
      {
        hint: "put the directory back as it was, or stop the job and run it again: it begins with the image anew",
      },
    );
  }
  const assertUnwritten = (image: ReadableImage): void => {
    const { name: path, format, identity } = image;
    images.claim({ ...request, image, plan: { image: { path, format, read: [identity] } } });
  };
  // What a former version fetched has been used as it is, and has been written to.
  const wanted = request.fetched ? { disk: "direct" as const } : request.wanted;
  const former = await findFormerDisk({ store, dirs }, request.previous, request.task);
  const cache = site.offline ? null : cacheDir(dirs);
  return { ...request, wanted, assertUnwritten, former, dirs, cache };
}

function openRecorded(
  image: DiskRequest["image"],
  record: DiskRecord,
  files: DiskFiles,
  shown: DiskFiles,
): RecordedDisk {
  const name = image.imagePath;
  switch (record.mode) {
    case "overlay":
      return { ...openOverlay(name, openBase(image, record, files, shown), files, shown), record };
    case "copy": {
      finish(files.copy, shown.copy, files);
      const opened = openOwn({ name, realPath: shown.copy, path: files.copy, kind: record.kind });
      return { ...opened, mode: "copy", base: null, record };
    }
    case "direct":
      return openDirect(image, record, files, shown);
  }
}

function openDirect(image: DiskRequest["image"], record: DiskRecord, files: DiskFiles, shown: DiskFiles): RecordedDisk {
  if (record.pinned) return openFound(openBase(image, record, files, shown), record);
  const found = findImage({ ...image, known: knownOf(record) });
  // Whoever puts another file in its place decides anew what it is; that one, too, stays what it was taken for.
  if (found.identity.ino === record.origin.ino && kindOfImage(found) === record.kind) return openFound(found, record);
  try {
    const origin = originOf(fstatSync(found.readOnlyFd), found.realPath, null);
    const taken: DiskRecord = { ...record, kind: kindOfImage(found), origin };
    writeDiskRecord(files.record, taken);
    return openForMachine(found, taken);
  } catch (error) {
    closeImage(found);
    throw error;
  }
}

/** @param found is a part of the disk that is returned. @throws AppError `image`; it stays the caller's then. */
function openForMachine(found: ReadableImage, record: DiskRecord): RecordedDisk {
  const { readWriteFd } = found.cdrom ? { readWriteFd: null } : openForWriting(found);
  return { ...found, readWriteFd, mode: "direct", base: null, record };
}

/** The same, closing what cannot be used. */
function openFound(found: ReadableImage, record: DiskRecord): RecordedDisk {
  try {
    return openForMachine(found, record);
  } catch (error) {
    closeImage(found);
    throw error;
  }
}

const knownOf = ({ kind, origin }: DiskRecord) => ({ kind, ino: origin.ino });

/** Opens what an overlay stands over, for reading only. @throws AppError `image` when it is not what it was. */
function openBase(image: DiskRequest["image"], record: DiskRecord, files: DiskFiles, shown: DiskFiles): ReadableImage {
  const { kind, pinned, origin } = record;
  const base = pinned
    ? openRead({ name: image.imagePath, realPath: shown.base, path: files.base, kind })
    : findImage({ ...image, known: knownOf(record) });
  const stats = fstatSync(base.readOnlyFd);
  // Nobody else names anything in the agent's own directory, and what comes back from a backup is another file with the same bytes.
  const known = { ...origin, path: base.realPath, ino: pinned ? stats.ino : origin.ino };
  const change = changeOf(stats, known);
  if (change === undefined) return base;
  closeImage(base);
  const what = pinned ? `${shown.base}, which is ${origin.path},` : base.realPath;
  // A disk moves along to an image that is fetched anew and has the same checksum.
  const remedy =
    pinned && isProof(origin.checksum)
      ? "run the job again, without a stop: it fetches the image anew, and the disk moves along"
      : remedyOf(stats, known, shown.record);
  throw refuseImage(
    image.imagePath,
    `${what} is not the image any more that this machine's disk was made over: ${change}`,
    `what the guest has written means nothing over another image: ${remedy}`,
  );
}

function openOverlay(name: string, base: ReadableImage, files: DiskFiles, shown: DiskFiles): BootDisk {
  try {
    finish(files.overlay, shown.overlay, files);
    const disk = openOwn({ name, realPath: shown.overlay, path: files.overlay, kind: "raw" });
    const inspection = inspectOverlay(disk.readOnlyFd);
    if (inspection.format !== "refused") return { ...disk, ...inspection, mode: "overlay", base };
    closeImage(disk);
    throw refuseImage(
      name,
      `expected the overlay that paddock made in ${shown.overlay}, found ${inspection.found}`,
      inspection.hint,
    );
  } catch (error) {
    closeImage(base);
    throw error;
  }
}

/** A disk gets its name when it is recorded: an agent that was killed between the two is made up for here. */
function finish(path: string, shown: string, { dir }: DiskFiles): void {
  if (existsSync(path)) return;
  try {
    renameSync(unfinished(path), path);
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw error;
    throw new AppError("image", `the disk of this machine is gone: there is no ${shown}`, {
      hint: "put it back, or stop the job and run it again: it begins with the image anew",
    });
  }
  syncDirectory(dir);
}

interface OwnFile {
  readonly name: string;
  readonly realPath: string;
  readonly path: string;
  readonly kind: ImageKind;
}

function openRead({ name, realPath, path, kind }: OwnFile): ReadableImage {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    if (!fstatSync(fd).isFile()) throw refuseImage(name, `${realPath} is no regular file`);
    return readImage({ name, realPath, fd, kind });
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function openOwn(file: OwnFile): CheckedImage {
  return openOrClose(openRead(file));
}
