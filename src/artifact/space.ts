import { describeRoom, MAKE_ROOM, roomAt } from "../base/room.ts";
import { formatBytes } from "../base/units.ts";
import { artifactError } from "./failure.ts";
import type { Folder } from "./folder.ts";
import type { ArtifactPlan } from "./plan.ts";

/** How many bytes would have to become free for `assertRoom` to be content; the parameters are its own. */
export function missingRoom(folder: Folder, there: number, total: number | null): number {
  const room = roomAt(folder.at("."));
  return room === undefined ? 0 : Math.max(0, neededOf(there, total) + room.reserve - room.free);
}

/**
 * @param there bytes of the file that are on the disk already.
 * @param total bytes that it is going to have; null asks only that the disk is not full.
 * @throws AppError `fetch` when the rest of it does not fit.
 */
export function assertRoom(plan: ArtifactPlan, folder: Folder, there: number, total: number | null): void {
  const room = roomAt(folder.at("."));
  const needed = neededOf(there, total);
  if (room === undefined || needed + room.reserve <= room.free) return;
  const come = total === null ? `${formatBytes(there)} came, its size is not known` : `needed ${formatBytes(needed)}`;
  throw artifactError(
    plan.source,
    `cannot write ${plan.target.path}.part: no space left on the disk: ${come}, ${describeRoom(room)}`,
    MAKE_ROOM,
  );
}

const neededOf = (there: number, total: number | null): number => Math.max(0, (total ?? 0) - there);
