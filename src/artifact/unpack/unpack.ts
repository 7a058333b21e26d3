import { closeSync, constants, fsyncSync, mkdirSync, openSync, renameSync, rmSync } from "node:fs";
import { open } from "node:fs/promises";
import { setImmediate } from "node:timers/promises";
import type { ArchiveFormat } from "../../archive/formats.ts";
import type { Limits } from "../../archive/limits.ts";
import type { Unpacked } from "../../archive/unpack.ts";
import { monotonicMillis } from "../../base/clock.ts";
import { AppError, errnoOf } from "../../base/errors.ts";
import { MAKE_ROOM } from "../../base/room.ts";
import { noteRefusal } from "../../cache/record.ts";
import { makeRoom } from "../../cache/room.ts";
import type { EntryFiles } from "../../paths.ts";
import { artifactError, diskError } from "../failure.ts";
import { type Folder, kindOf, lookAt, openFolder } from "../folder.ts";
import type { ArtifactPlan } from "../plan.ts";
import type { UnpackedNow } from "./fetched.ts";
import { planMoves, publishMoves } from "./merge.ts";
import type { UnpackPlan } from "./plan.ts";
import { discardUnpacked } from "./staging.ts";
import { fileOfPart, findPart, WHOLE } from "./subdir.ts";

/** What a file without a container is called where it is unpacked. */
export const SINGLE_NAME = "content";

interface UnpackFile {
  readonly format: ArchiveFormat;
  /** A new, empty directory, open. */
  readonly rootFd: number;
  readonly agentName: string;
  readonly limits: Limits;
  readonly signal: AbortSignal;
}

/** Unpacks the content of an entry of the cache, and keeps there what is wrong with it. @throws as `unpack` does. */
export async function unpackFile({ content, record }: EntryFiles, options: UnpackFile): Promise<Unpacked> {
  try {
    const unpacked = await unpackContent(content, options);
    noteRefusal(record, undefined);
    return unpacked;
  } catch (error) {
    const isItsFault = error instanceof AppError && error.hint !== MAKE_ROOM && !options.signal.aborted;
    if (isItsFault) noteRefusal(record, error.message);
    throw error;
  }
}

async function unpackContent(archive: string, { signal, ...rest }: UnpackFile): Promise<Unpacked> {
  // What only fetches has no use for the decompressors.
  const { unpack } = await import("../../archive/unpack.ts");
  const handle = await open(archive, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    return await unpack({
      file: { handle, size: (await handle.stat()).size, signal },
      singleName: SINGLE_NAME,
      ...rest,
    });
  } finally {
    await handle.close();
  }
}

/**
 * Unpacks an archive of several files, which lies in the cache, to where the plan says. Blocks on the disk, so it runs in a Worker.
 * Whatever fails leaves nothing of what was in it.
 * @param cache gives room; null gives none.
 * @param archive its entry.
 * @throws AppError `fetch`.
 */
export async function unpackArchive(
  plan: ArtifactPlan,
  wanted: UnpackPlan,
  cache: string | null,
  archive: EntryFiles,
  signal: AbortSignal,
  limits: Limits,
): Promise<UnpackedNow> {
  const started = monotonicMillis();
  const folder = openFolder(plan.target.root, plan.target.folders);
  try {
    const { files, bytes } = await retryWithRoom(cache, () =>
      unpackInto(plan, wanted, folder, archive, signal, limits),
    );
    return { files, bytes, millis: monotonicMillis() - started };
  } catch (error) {
    throw explainUnpacking(plan, wanted.path, error, signal);
  } finally {
    try {
      discardUnpacked(plan, folder);
    } finally {
      folder.close();
    }
  }
}

/** Does it once more when the disk was full and the cache had something to give. */
export async function retryWithRoom<T>(cache: string | null, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const isFull = (error instanceof AppError && error.hint === MAKE_ROOM) || errnoOf(error) === "ENOSPC";
    if (!isFull || cache === null || makeRoom(cache, Number.POSITIVE_INFINITY) === 0) throw error;
    return await work();
  }
}

async function unpackInto(
  plan: ArtifactPlan,
  wanted: UnpackPlan,
  folder: Folder,
  archive: EntryFiles,
  signal: AbortSignal,
  limits: Limits,
): Promise<Unpacked> {
  // One may be left of an agent that was killed.
  rmSync(folder.at(wanted.stagingName), { force: true, recursive: true });
  mkdirSync(folder.at(wanted.stagingName), 0o700);
  const rootFd = openSync(
    folder.at(wanted.stagingName),
    constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW,
  );
  try {
    const { format, agentName } = wanted;
    const unpacked = await unpackFile(archive, { format, rootFd, agentName, limits, signal });
    // A turn of the event loop, so that a cancellation on its way is heard before anything has its name.
    await setImmediate();
    signal.throwIfAborted();
    publish(plan, wanted, unpacked, folder);
    fsyncSync(folder.fd);
    return unpacked;
  } finally {
    closeSync(rootFd);
  }
}

function publish(plan: ArtifactPlan, wanted: UnpackPlan, unpacked: Unpacked, folder: Folder): void {
  const { root, folders } = plan.target;
  const base = [...folders, wanted.stagingName];
  const part = wanted.subdir === null ? null : findPart(root, base, wanted.subdir);
  if (wanted.fileName === null) publishMoves(planMoves(plan, wanted, part ?? WHOLE));
  else publishFile(wanted, wanted.fileName, part === null ? onlyFile(unpacked) : fileOfPart(part), folder);
}

function onlyFile({ files, firstFile }: Unpacked): readonly string[] {
  if (files === 1 && firstFile !== null) return firstFile;
  throw new AppError("fetch", `mode = "file" needs an archive with one file, found ${files}`, {
    hint: "leave mode out to unpack all of it into the destination directory, or name the file behind // in the source",
  });
}

/** The one file of an archive gets its name, replacing a file that had it, as a download does that is no archive. */
function publishFile(wanted: UnpackPlan, fileName: string, file: readonly string[], folder: Folder): void {
  const there = lookAt(folder.at(fileName));
  if (there !== undefined && !there.isFile()) {
    throw new AppError("fetch", `destination ${wanted.path}: expected a file or nothing, found a ${kindOf(there)}`);
  }
  renameSync(folder.at([wanted.stagingName, ...file].join("/")), folder.at(fileName));
}

/** What went wrong when an artifact was unpacked. @param where it was unpacked to, for people. */
export function explainUnpacking(plan: ArtifactPlan, where: string, error: unknown, signal: AbortSignal): AppError {
  if (signal.aborted) return artifactError(plan.source, "cancelled");
  if (error instanceof AppError) return artifactError(plan.source, error.message, error.hint, error);
  return diskError(plan.source, where, "unpack to", error);
}
