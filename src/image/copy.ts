import { fstatSync, fsyncSync, ftruncateSync, futimesSync } from "node:fs";
import { errnoOf } from "../base/errors.ts";
import { procPath } from "../base/files.ts";
import { describeRoom, roomAt } from "../base/room.ts";
import { formatBytes } from "../base/units.ts";
import { copyBytes } from "../cache/copy.ts";
import { mtimeOf } from "../cache/entry.ts";
import { secondsOf } from "../cache/record.ts";
import { makeRoom } from "../cache/room.ts";
import { shareBytes } from "../runtime/extents.ts";
import type { CopyTask } from "./copy-messages.ts";

/**
 * Copies an open image into a new file: by sharing its blocks where the file system can, else byte by byte with its holes, after a look
 * at the room, for which the cache gives what nobody uses. On the disk when it is done. Blocks on the disk, so it runs in a Worker.
 * @returns null; why there is no room for it, for people.
 * @throws the reason of `signal` when it is cancelled; system errors.
 */
export async function copyImage({ from, to, size, cache }: CopyTask, signal: AbortSignal): Promise<string | null> {
  try {
    const stats = fstatSync(from);
    if (!(await shareBytes(from, to))) {
      const missing = lackOfRoom(to, Math.min(stats.size, stats.blocks * 512), cache);
      if (missing !== null) return missing;
      await copyBytes(from, to, stats.size, signal);
    }
    if (size > stats.size) ftruncateSync(to, size);
    // The image's own time, by which it is told later whether anybody has written to the copy; no clock has a say in that.
    const time = secondsOf(mtimeOf(stats));
    futimesSync(to, time, time);
    fsyncSync(to);
    return null;
  } catch (error) {
    if (errnoOf(error) !== "ENOSPC" && errnoOf(error) !== "EDQUOT") throw error;
    return "the disk became full";
  }
}

function lackOfRoom(fd: number, needed: number, cache: string | null): string | null {
  const before = roomAt(procPath(fd));
  if (before === undefined) return null;
  const missing = needed + before.reserve - before.free;
  if (missing <= 0) return null;
  if (cache !== null) makeRoom(cache, missing);
  const room = roomAt(procPath(fd)) ?? before;
  return needed + room.reserve <= room.free ? null : `needed ${formatBytes(needed)}, ${describeRoom(room)}`;
}
