import { closeSync, readSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { monotonicMillis } from "../../base/clock.ts";
import { AppError } from "../../base/errors.ts";
import { DEFAULT_TYPE, formatChecksum } from "../../cache/checksum.ts";
import { copyBytes } from "../../cache/copy.ts";
import type { Validator } from "../../cache/source.ts";
import { openTargetFolder } from "../destination.ts";
import { assertProved, type Downloaded, type DownloadOptions } from "../download/download.ts";
import { publishWhole } from "../download/part.ts";
import { createMeter } from "../download/progress.ts";
import { createHashSink } from "../download/sink.ts";
import { artifactError, diskError } from "../failure.ts";
import type { Folder } from "../folder.ts";
import type { ArtifactPlan } from "../plan.ts";
import { assertRoom, missingRoom } from "../space.ts";
import { type LocalFile, lookAgain, openLocalFile } from "./local-file.ts";

/**
 * Copies a file of this host to a plan's target, by reflink where the file system can, with its holes; then proves the copy. Blocks on
 * the disk, so it runs in a Worker. Whatever fails leaves nothing.
 * @param known copies only if the file is another one by now than that with this validator.
 * @returns null when it is not.
 * @throws AppError `fetch`.
 */
export async function copyLocal(
  plan: ArtifactPlan,
  options: Pick<DownloadOptions, "signal" | "onProgress" | "makeRoom">,
  known: Validator | null = null,
): Promise<Downloaded | null> {
  const started = monotonicMillis();
  const folder = openTargetFolder(plan);
  try {
    const file = openLocalFile(plan);
    try {
      if (known !== null && known.value === file.validator.value) return null;
      const checksum = await copyProved(plan, folder, file, options);
      const { size: bytes, validator } = file;
      const millis = monotonicMillis() - started;
      return { path: plan.target.path, bytes, checksum, skipped: false, resumed: 0, millis, validator };
    } finally {
      closeSync(file.fd);
    }
  } catch (error) {
    if (options.signal.aborted) throw artifactError(plan.source, "cancelled");
    throw error instanceof AppError ? error : diskError(plan.source, plan.target.path, "write", error);
  } finally {
    folder.close();
  }
}

/** @returns its checksum. */
async function copyProved(
  plan: ArtifactPlan,
  folder: Folder,
  file: LocalFile,
  { signal, onProgress, makeRoom }: Pick<DownloadOptions, "signal" | "onProgress" | "makeRoom">,
): Promise<string> {
  return await publishWhole(folder, plan.target.fileName, signal, async (to) => {
    const missing = missingRoom(folder, 0, file.allocated);
    if (missing > 0) makeRoom?.(missing);
    assertRoom(plan, folder, 0, file.allocated);
    await copyBytes(file.fd, to, file.size, signal);
    if (lookAgain(file.fd).value !== file.validator.value) {
      throw artifactError(
        plan.source,
        "somebody wrote to the file while it was copied",
        "start the job again when it is whole",
      );
    }
    return await proveFile(plan, to, file.size, signal, onProgress);
  });
}

/**
 * Proves a file by reading it. @param size in bytes.
 * @returns its checksum, `type:hex`. @throws AppError when it is not what the job means.
 */
export async function proveFile(
  plan: ArtifactPlan,
  fd: number,
  size: number,
  signal: AbortSignal,
  onProgress: DownloadOptions["onProgress"],
): Promise<string> {
  const hash = createHashSink(plan.checksum?.type ?? DEFAULT_TYPE);
  const meter = createMeter(size, onProgress);
  const buffer = Buffer.alloc(1 << 20);
  for (let at = 0; at < size; ) {
    // Lets a cancellation in between.
    await setImmediate();
    signal.throwIfAborted();
    const count = readSync(fd, buffer, 0, buffer.length, at);
    if (count === 0) break;
    hash.write(buffer.subarray(0, count));
    meter.add(count);
    at += count;
  }
  meter.finish();
  const found = formatChecksum(hash.digest());
  assertProved(plan, found, size);
  return found;
}
