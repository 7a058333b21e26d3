import { closeSync, constants, copyFile, fstatSync, fsyncSync, openSync, read, rmSync, statfsSync } from "node:fs";
import { promisify } from "node:util";
import { endSparse, writeSparse } from "../archive/sparse-file.ts";
import { AppError, errnoOf } from "../base/errors.ts";
import { procPath } from "../base/files.ts";
import { formatBytes } from "../base/units.ts";

const PIECE = 1 << 20;
/** What a copy leaves free, in bytes, as a download does; on a small file system this share of it. */
const RESERVE = 64 << 20;
const RESERVE_SHARE = 1 / 20;

const clone = promisify(copyFile);
const readPiece = promisify(read);

/**
 * Copies an open file into a new one: by sharing its blocks where the file system can, else byte by byte with its holes, after a look
 * at the room. On the disk when it is done; what fails leaves nothing.
 * @param path is not there yet.
 * @throws AppError `image`; the reason of `signal` when it is cancelled; system errors.
 */
export async function copyImage(fd: number, path: string, signal: AbortSignal): Promise<void> {
  try {
    if (!(await shareBlocks(fd, path))) await copyBytes(fd, path, signal);
    const made = openSync(path, constants.O_RDONLY);
    try {
      fsyncSync(made);
    } finally {
      closeSync(made);
    }
  } catch (error) {
    rmSync(path, { force: true });
    if (errnoOf(error) !== "ENOSPC" && errnoOf(error) !== "EDQUOT") throw error;
    throw noRoom(`the disk became full`, error);
  }
}

async function shareBlocks(fd: number, path: string): Promise<boolean> {
  try {
    await clone(procPath(fd), path, constants.COPYFILE_FICLONE_FORCE | constants.COPYFILE_EXCL);
    return true;
  } catch (error) {
    if (errnoOf(error) === "ENOSPC") throw error;
    // Other file systems, other kernels and other runtimes say in their own ways that they cannot.
    rmSync(path, { force: true });
    return false;
  }
}

async function copyBytes(fd: number, path: string, signal: AbortSignal): Promise<void> {
  const { size, blocks } = fstatSync(fd);
  const made = openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
  try {
    assertRoom(made, Math.min(size, blocks * 512));
    const buffer = Buffer.alloc(PIECE);
    for (let at = 0; ; ) {
      signal.throwIfAborted();
      const { bytesRead } = await readPiece(fd, buffer, 0, PIECE, at);
      if (bytesRead === 0) break;
      writeSparse(made, buffer.subarray(0, bytesRead), at);
      at += bytesRead;
    }
    endSparse(made, size);
  } finally {
    closeSync(made);
  }
}

function assertRoom(fd: number, needed: number): void {
  const { blocks, bavail, bsize } = statfsSync(procPath(fd));
  // A file system that does not count its blocks says 0.
  if (blocks === 0) return;
  const free = bavail * bsize;
  const reserve = Math.min(RESERVE, Math.floor(blocks * bsize * RESERVE_SHARE));
  if (needed + reserve <= free) return;
  throw noRoom(`needed ${formatBytes(needed)}, free ${formatBytes(free)}, of which ${formatBytes(reserve)} are kept`);
}

const noRoom = (why: string, cause?: unknown): AppError =>
  new AppError("image", `no space left to copy the image: ${why}`, {
    hint: 'make room in the agent\'s data_dir, or use disk = "overlay", which copies nothing',
    cause,
  });
