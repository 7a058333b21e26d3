import {
  chmodSync,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readSync,
  rmSync,
  writeSync,
} from "node:fs";
import { AppError, errnoOf } from "./errors.ts";

/** Opens a name without touching what it stands for: a device's driver is not told (`open(2)`, the same number on x86_64 and aarch64). */
export const O_PATH = 0o10000000;

/** The name of an open file or directory, which stays the same whatever happens to its path; the kernel resolves it to the file itself. */
export const procPath = (fd: number): string => `/proc/self/fd/${fd}`;

/** Largest file that `readUntrusted` returns whole unless the caller says otherwise. */
const DEFAULT_LIMIT = 1 << 20;

/**
 * Reads a file that somebody hostile may own: no symbolic link in its last component, a regular file only, never a FIFO that
 * blocks, at most `limit` bytes from `offset` on.
 * @returns undefined when there is no such file.
 * @throws AppError `invalid` when it is something else than a regular file.
 */
export function readUntrusted(path: string, limit = DEFAULT_LIMIT, offset = 0): Buffer | undefined {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw new AppError("invalid", `cannot read ${path}: ${errnoOf(error) ?? "unknown error"}`, { cause: error });
  }
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) throw new AppError("invalid", `cannot read ${path}: not a regular file`);
    const buffer = Buffer.alloc(Math.max(0, Math.min(limit, stat.size - offset)));
    let filled = 0;
    while (filled < buffer.length) {
      const count = readSync(fd, buffer, filled, buffer.length - filled, offset + filled);
      if (count === 0) break;
      filled += count;
    }
    return buffer.subarray(0, filled);
  } finally {
    closeSync(fd);
  }
}

/**
 * Reads the last bytes of a file as `readUntrusted` does.
 * @param from what stands before this offset is left out, unless the file has become shorter than that.
 */
export function readUntrustedEnd(path: string, limit: number, from = 0): Buffer | undefined {
  const size = lstatSync(path, { throwIfNoEntry: false })?.size ?? 0;
  return readUntrusted(path, limit, Math.max(0, size - limit, from <= size ? from : 0));
}

/**
 * Reads the beginning of a file of the user's, whatever its kind: a pipe is read to its end, an endless device is not.
 * @returns at most `limit` + 1 bytes, so that what is longer can be told from what fits.
 * @throws system errors.
 */
export function readBeginning(path: string, limit: number): Buffer {
  const fd = openSync(path, "r");
  try {
    const chunks: Buffer[] = [];
    for (let left = limit + 1; left > 0; ) {
      const chunk = Buffer.alloc(Math.min(left, 64 << 10));
      const count = readSync(fd, chunk, 0, chunk.length, null);
      if (count === 0) break;
      chunks.push(chunk.subarray(0, count));
      left -= count;
    }
    return Buffer.concat(chunks);
  } finally {
    closeSync(fd);
  }
}

/**
 * Writes a file that was not there before: what has its name is removed first, never written through, but for a file as `openNew` would
 * make it. Not on disk before somebody syncs it.
 * @param settle is given the open file once it is whole.
 */
export function writeNew(
  path: string,
  content: string | Uint8Array,
  mode = 0o600,
  settle: (fd: number) => void = () => undefined,
): void {
  const fd = openNew(path, mode);
  try {
    const bytes = typeof content === "string" ? Buffer.from(content) : content;
    for (let written = 0; written < bytes.length; ) written += writeSync(fd, bytes, written);
    settle(fd);
  } finally {
    closeSync(fd);
  }
}

/**
 * Opens a new and empty file for writing. One that lies ready is taken as it is: it is this user's, empty, of the wanted mode, and has no
 * other name. Everything else that has the name is removed.
 * @param flags besides those for that. @throws system errors.
 */
export function openNew(path: string, mode: number, flags = 0): number {
  const open = (): number => openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | flags, mode);
  try {
    return open();
  } catch (error) {
    if (errnoOf(error) !== "EEXIST") throw error;
    const ready = openReady(path, mode, flags);
    if (ready !== null) return ready;
    rmSync(path, { force: true, recursive: true });
    return open();
  }
}

function openReady(path: string, mode: number, flags: number): number | null {
  let fd: number;
  try {
    fd = openSync(path, constants.O_WRONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | flags);
  } catch {
    // A link, a FIFO, a directory, somebody else's.
    return null;
  }
  const stat = fstatSync(fd);
  const isReady = stat.isFile() && stat.size === 0 && stat.nlink === 1 && (stat.mode & 0o7777) === mode;
  if (isReady && stat.uid === process.geteuid?.()) return fd;
  closeSync(fd);
  return null;
}

/**
 * Makes a directory that others may pass through to a path they know, and not list, however strict the agent's umask is. The mode of one
 * that was there is its owner's. @throws system errors.
 */
export function makePassable(path: string): void {
  if (mkdirSync(path, { recursive: true, mode: 0o711 }) !== undefined) chmodSync(path, 0o711);
}
