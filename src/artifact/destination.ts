import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { AppError } from "../base/errors.ts";
import { type ChecksumType, formatChecksum } from "../cache/checksum.ts";
import { createHashSink } from "./download/sink.ts";
import { artifactError, diskError } from "./failure.ts";
import { type Folder, kindOf, lookAt, openFolder } from "./folder.ts";
import type { ArtifactPlan } from "./plan.ts";

/** A file with all of its bytes, hashed. */
export interface ProvedFile {
  readonly bytes: number;
  /** `type:hex`. */
  readonly checksum: string;
}

/** The directory of an artifact's file, made where it is missing. @throws AppError `fetch`. */
export function openTargetFolder(plan: ArtifactPlan): Folder {
  try {
    return openFolder(plan.target.root, plan.target.folders);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    throw new AppError(error.code, `artifact ${plan.source}: ${error.message}`, { hint: error.hint, cause: error });
  }
}

/** go-getter's rule: what is there already with the right checksum is not fetched again. */
export async function findProved(
  plan: ArtifactPlan,
  folder: Folder,
  signal: AbortSignal,
): Promise<ProvedFile | undefined> {
  const there = refuseOddDestination(plan, folder);
  if (!there || plan.checksum === null) return undefined;
  try {
    const { bytes, hex } = await hashFile(folder.at(plan.target.fileName), plan.checksum.type, signal);
    return hex === plan.checksum.hex ? { bytes, checksum: formatChecksum(plan.checksum) } : undefined;
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    throw diskError(plan.source, plan.target.path, "read", error);
  }
}

/** Hashes a file, not following a link. @throws system errors, the signal's reason. */
export async function hashFile(
  path: string,
  type: ChecksumType,
  signal: AbortSignal,
): Promise<{ bytes: number; hex: string }> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const hash = createHashSink(type);
    const buffer = Buffer.alloc(1 << 20);
    for (let bytes = 0; ; ) {
      signal.throwIfAborted();
      const { bytesRead } = await file.read(buffer, 0, buffer.length, null);
      if (bytesRead === 0) return { bytes, hex: hash.digest().hex };
      hash.write(buffer.subarray(0, bytesRead));
      bytes += bytesRead;
    }
  } finally {
    await file.close();
  }
}

/** @returns whether a file is there. @throws AppError when it is something that must not be replaced. */
export function refuseOddDestination(plan: ArtifactPlan, folder: Folder): boolean {
  const there = lookAt(folder.at(plan.target.fileName));
  if (there === undefined || there.isFile()) return there !== undefined;
  throw artifactError(
    plan.source,
    `destination ${plan.target.path}: expected a file or nothing, found a ${kindOf(there)}`,
    there.isDirectory() ? 'leave mode = "file" out to put the file into that directory' : undefined,
  );
}
