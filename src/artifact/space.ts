import { statfsSync } from "node:fs";
import { formatBytes } from "../base/units.ts";
import { artifactError } from "./failure.ts";
import type { Folder } from "./folder.ts";
import type { ArtifactPlan } from "./plan.ts";

/** What a download leaves free, in bytes: the agent's store and the disks of machines live on the same file system. */
const RESERVE_BYTES = 64 << 20;

/** On a small file system it is this share of it. */
const RESERVE_SHARE = 1 / 20;

/**
 * @param there bytes of the file that are on the disk already.
 * @param total bytes that it is going to have; null asks only that the disk is not full.
 * @throws AppError `fetch` when the rest of it does not fit.
 */
export function assertRoom(plan: ArtifactPlan, folder: Folder, there: number, total: number | null): void {
  const { blocks, bavail, bsize } = statfsSync(folder.at("."));
  // A file system that does not count its blocks says 0.
  if (blocks === 0) return;
  const free = bavail * bsize;
  const reserve = Math.min(RESERVE_BYTES, Math.floor(blocks * bsize * RESERVE_SHARE));
  const needed = Math.max(0, (total ?? 0) - there);
  if (needed + reserve <= free) return;
  const come = total === null ? `${formatBytes(there)} came, its size is not known` : `needed ${formatBytes(needed)}`;
  const message = `cannot write ${plan.target.path}.part: no space left on the disk: ${come}, free ${formatBytes(free)}`;
  throw artifactError(
    plan.source,
    `${message}, of which ${formatBytes(reserve)} are not for downloads`,
    "make room in the agent's data_dir",
  );
}
