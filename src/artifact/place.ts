import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  fsync,
  fsyncSync,
  linkSync,
  openSync,
  renameSync,
  type Stats,
  unlinkSync,
} from "node:fs";
import { setImmediate } from "node:timers/promises";
import { promisify } from "node:util";
import { AppError } from "../base/errors.ts";
import { copyBytes } from "../cache/copy.ts";
import { isNoSecondName } from "../cache/publish.ts";
import { makeRoom } from "../cache/room.ts";
import type { EntryFiles } from "../paths.ts";
import { compressionOf } from "./bring.ts";
import { openTargetFolder, refuseOddDestination } from "./destination.ts";
import { partName, removePart } from "./download/part.ts";
import { artifactError, diskError, onDisk } from "./failure.ts";
import { type Folder, lookAt } from "./folder.ts";
import type { ArtifactPlan } from "./plan.ts";
import { assertRoom, missingRoom } from "./space.ts";

const fsyncAsync = promisify(fsync);

/** Which file of an entry an artifact is; undefined for an archive of several. */
export function cachedFile(plan: ArtifactPlan, files: EntryFiles): string | undefined {
  if (plan.unpack === null) return files.content;
  return compressionOf(plan) === null ? undefined : files.unpacked;
}

/** The plan of an artifact that becomes one file, with that file as its target. */
export function planForFile(plan: ArtifactPlan): ArtifactPlan {
  if (plan.unpack === null || plan.unpack.fileName === null) return plan;
  const { fileName, path } = plan.unpack;
  return { ...plan, target: { ...plan.target, fileName, path }, unpack: null };
}

/**
 * Makes a file of the cache the artifact's under a second name, replacing a file that is there.
 * @param plan of `planForFile`.
 * @returns false when it cannot have one there.
 * @throws AppError `fetch`.
 */
export async function placeByLink(plan: ArtifactPlan, file: string): Promise<boolean> {
  const { path } = plan.target;
  return await inFolder(plan, async (folder) => {
    const placed = onDisk(plan.source, path, "name", () => link(plan, folder, file));
    if (placed === "new") {
      // Not in the way of the event loop: a busy disk takes its time.
      await fsyncAsync(folder.fd).catch((error: unknown) => {
        throw diskError(plan.source, path, "name", error);
      });
    }
    return placed !== "impossible";
  });
}

function link({ target: { fileName } }: ArtifactPlan, folder: Folder, file: string): "new" | "there" | "impossible" {
  const wanted = lookAt(file);
  // Renaming one name of a file to another does nothing, and would leave both.
  if (isSame(lookAt(folder.at(fileName)), wanted)) return "there";
  removePart(folder, fileName);
  try {
    linkSync(file, folder.at(partName(fileName)));
  } catch (error) {
    if (isNoSecondName(error)) return "impossible";
    throw error;
  }
  renameSync(folder.at(partName(fileName)), folder.at(fileName));
  // Whoever owns the directory may have been faster with a file of that name.
  if (!isSame(lookAt(folder.at(fileName)), wanted)) throw replaced(fileName);
  return "new";
}

/**
 * Makes a copy of a file of the cache the artifact's. Blocks on the disk, so it runs in a Worker.
 * @param plan of `planForFile`.
 * @param cache gives room; null gives none.
 * @throws AppError `fetch`; nothing of the copy stays then.
 */
export async function placeCopy(
  plan: ArtifactPlan,
  cache: string | null,
  file: string,
  signal: AbortSignal,
): Promise<void> {
  const folder = openTargetFolder(plan);
  try {
    const from = onDisk(plan.source, file, "read", () => openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW));
    try {
      await copyInto(plan, cache, folder, from, signal);
    } finally {
      closeSync(from);
    }
  } catch (error) {
    if (signal.aborted) throw artifactError(plan.source, "cancelled");
    throw error instanceof AppError ? error : diskError(plan.source, plan.target.path, "write", error);
  } finally {
    folder.close();
  }
}

async function copyInto(
  plan: ArtifactPlan,
  cache: string | null,
  folder: Folder,
  from: number,
  signal: AbortSignal,
): Promise<void> {
  const { fileName } = plan.target;
  const part = folder.at(partName(fileName));
  const { size, blocks } = fstatSync(from);
  removePart(folder, fileName);
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  const to = openSync(part, flags, 0o644);
  let published = false;
  try {
    const allocated = Math.min(size, blocks * 512);
    const missing = missingRoom(folder, 0, allocated);
    if (missing > 0 && cache !== null) makeRoom(cache, missing);
    assertRoom(plan, folder, 0, allocated);
    await copyBytes(from, to, size, signal);
    fchmodSync(to, 0o644);
    await fsyncAsync(to);
    // A turn of the event loop, so that a cancellation on its way is heard before the file has its name.
    await setImmediate();
    signal.throwIfAborted();
    refuseOddDestination(plan, folder);
    if (!isSame(lookAt(part), fstatSync(to))) throw replaced(fileName);
    renameSync(part, folder.at(fileName));
    published = true;
    fsyncSync(folder.fd);
  } finally {
    if (!published && isSame(lookAt(part), fstatSync(to))) unlinkSync(part);
    closeSync(to);
  }
}

/** Does something in the directory of an artifact, which is made. @throws AppError `fetch` when it may not be entered. */
export async function inFolder<T>(plan: ArtifactPlan, work: (folder: Folder) => Promise<T>): Promise<T> {
  const folder = openTargetFolder(plan);
  try {
    return await work(folder);
  } finally {
    folder.close();
  }
}

const isSame = (a: Stats | undefined, b: Stats | undefined): boolean =>
  a !== undefined && a.dev === b?.dev && a.ino === b.ino;

function replaced(fileName: string): AppError {
  return new AppError("fetch", `${partName(fileName)} was replaced while it was written`);
}
