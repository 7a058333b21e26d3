import { closeSync, constants, fstatSync, fsync, openSync, rmSync } from "node:fs";
import { promisify } from "node:util";
import { AppError, errnoOf } from "../base/errors.ts";
import { procPath } from "../base/files.ts";
import { describeRoom, roomAt } from "../base/room.ts";
import { formatBytes } from "../base/units.ts";
import { copyBytes } from "../cache/copy.ts";
import { shareBytes } from "../runtime/extents.ts";

const sync = promisify(fsync);

/**
 * Copies an open image into a new file: by sharing its blocks where the file system can, else byte by byte with its holes, after a look
 * at the room. On the disk when it is done; what fails leaves nothing.
 * @param path is not there yet.
 * @throws AppError `image`; the reason of `signal` when it is cancelled; system errors.
 */
export async function copyImage(fd: number, path: string, signal: AbortSignal): Promise<void> {
  const made = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o600);
  try {
    const { size, blocks } = fstatSync(fd);
    if (!(await shareBytes(fd, made))) {
      assertRoom(made, Math.min(size, blocks * 512));
      await copyBytes(fd, made, size, signal);
    }
    await sync(made);
  } catch (error) {
    rmSync(path, { force: true });
    if (errnoOf(error) !== "ENOSPC" && errnoOf(error) !== "EDQUOT") throw error;
    throw noRoom("the disk became full", error);
  } finally {
    closeSync(made);
  }
}

function assertRoom(fd: number, needed: number): void {
  const room = roomAt(procPath(fd));
  if (room === undefined || needed + room.reserve <= room.free) return;
  throw noRoom(`needed ${formatBytes(needed)}, ${describeRoom(room)}`);
}

const noRoom = (why: string, cause?: unknown): AppError =>
  new AppError("image", `no space left to copy the image: ${why}`, {
    hint: 'make room in the agent\'s data_dir, or use disk = "overlay", which copies nothing',
    cause,
  });
