import { closeSync, constants, fsyncSync, mkdirSync, openSync, renameSync, rmSync } from "node:fs";
import { open } from "node:fs/promises";
import { setImmediate } from "node:timers/promises";
import { DEFAULT_LIMITS, type Limits } from "../archive/limits.ts";
import { type Unpacked, unpack } from "../archive/unpack.ts";
import { monotonicMillis } from "../base/clock.ts";
import { AppError } from "../base/errors.ts";
import { type Acquired, type DownloadOptions, download, LEAVE } from "./download.ts";
import { artifactError, diskError } from "./failure.ts";
import { type Folder, kindOf, lookAt, openFolder } from "./folder.ts";
import { planMoves, publishMoves } from "./merge.ts";
import type { ArtifactPlan } from "./plan.ts";
import { discardUnpacked } from "./staging.ts";
import type { UnpackPlan } from "./unpack-plan.ts";

/** An artifact that is there; `path` is the file, or the directory that an archive was unpacked into. */
export interface Fetched extends Acquired {
  /** Null when the file stayed as it was fetched. */
  readonly unpacked: { readonly files: number; readonly bytes: number; readonly millis: number } | null;
  /** The cache's own file that `path` is another name of, and its entry's checksum; null where `path` is a file of its own. */
  readonly linked: { readonly path: string; readonly checksum: string } | null;
}

/** What a file without a container is called until it has its name. */
const SINGLE_NAME = "content";

/**
 * Fetches one artifact and unpacks it when the plan says so. Blocks on the disk, so it runs in a Worker. Whatever fails leaves nothing
 * of the archive, neither itself nor what was in it.
 * @throws AppError `fetch`.
 */
export async function fetchAndUnpack(
  plan: ArtifactPlan,
  options: DownloadOptions,
  limits: Limits = DEFAULT_LIMITS,
): Promise<Fetched> {
  const acquired = await download(plan, options);
  if (plan.unpack === null) return { ...acquired, unpacked: null, linked: null };
  const started = monotonicMillis();
  const folder = openFolder(plan.target.root, plan.target.folders);
  let keepArchive = false;
  try {
    const { files, bytes } = await unpackInto(plan, plan.unpack, folder, options.signal, limits);
    const millis = monotonicMillis() - started;
    return { ...acquired, path: plan.unpack.path, unpacked: { files, bytes, millis }, linked: null };
  } catch (error) {
    // Without a checksum nobody could tell later what it is.
    keepArchive = options.signal.reason === LEAVE && plan.checksum !== null;
    throw explain(plan, plan.unpack, error, options.signal);
  } finally {
    discardUnpacked(plan, folder, keepArchive);
    folder.close();
  }
}

async function unpackInto(
  plan: ArtifactPlan,
  wanted: UnpackPlan,
  folder: Folder,
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
  const handle = await open(folder.at(plan.target.fileName), constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const file = { handle, size: (await handle.stat()).size, signal };
    const unpacked = await unpack({
      file,
      format: wanted.format,
      rootFd,
      singleName: SINGLE_NAME,
      agentName: wanted.agentName,
      limits,
    });
    // A turn of the event loop, so that a cancellation on its way is heard before anything has its name.
    await setImmediate();
    signal.throwIfAborted();
    if (wanted.fileName === null) publishMoves(planMoves(plan, wanted));
    else publishFile(wanted, wanted.fileName, unpacked, folder);
    fsyncSync(folder.fd);
    return unpacked;
  } finally {
    closeSync(rootFd);
    await handle.close();
  }
}

/** The one file of an archive gets its name, replacing a file that had it, as a download does that is no archive. */
function publishFile(wanted: UnpackPlan, fileName: string, { files, firstFile }: Unpacked, folder: Folder): void {
  if (files !== 1 || firstFile === null) {
    throw new AppError("fetch", `mode = "file" needs an archive with one file, found ${files}`, {
      hint: "leave mode out to unpack all of it into the destination directory",
    });
  }
  const there = lookAt(folder.at(fileName));
  if (there !== undefined && !there.isFile()) {
    throw new AppError("fetch", `destination ${wanted.path}: expected a file or nothing, found a ${kindOf(there)}`);
  }
  renameSync(folder.at([wanted.stagingName, ...firstFile].join("/")), folder.at(fileName));
}

function explain(plan: ArtifactPlan, wanted: UnpackPlan, error: unknown, signal: AbortSignal): AppError {
  if (signal.aborted) return artifactError(plan.source, "cancelled");
  if (error instanceof AppError) return artifactError(plan.source, error.message, error.hint, error);
  return diskError(plan.source, wanted.path, "unpack to", error);
}
