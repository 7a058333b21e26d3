import { loadLibc } from "./libc.ts";

/** `FICLONE` (linux/fs.h): `_IOW(0x94, 9, int)`, the same on x86_64 and aarch64. */
const FICLONE = 0x4004_9409n;
/** lseek(2). */
const SEEK_DATA = 3;
const SEEK_HOLE = 4;

interface Calls {
  ioctl(fd: number, request: bigint, from: number): number;
  lseek(fd: number, offset: bigint, whence: number): bigint;
}

let calls: Calls | null | undefined;

async function loadCalls(): Promise<Calls | null> {
  if (calls !== undefined) return calls;
  const libc = await loadLibc(({ i32, u64, i64 }) => ({
    ioctl: { args: [i32, u64, i32], returns: i32 },
    lseek: { args: [i32, i64, i32], returns: i64 },
  }));
  calls = libc as unknown as Calls | null;
  return calls;
}

/**
 * Gives an empty file the bytes of another without copying them (reflink): each goes its own way once it is written to.
 * @returns false where the file system or the runtime cannot; nothing is written then.
 */
export async function shareBytes(from: number, to: number): Promise<boolean> {
  const libc = await loadCalls();
  return libc !== null && libc.ioctl(to, FICLONE, from) === 0;
}

/** Bytes of a file that are not a hole; `end` is exclusive. */
export interface Stretch {
  readonly start: number;
  readonly end: number;
}

/**
 * The next stretch of a file at or behind `offset` that may hold something else than zeros. Moves the file's offset.
 * @param size of the file; all up to there is one stretch where nobody can tell.
 * @returns undefined when only a hole is left.
 */
export async function nextStretch(fd: number, offset: number, size: number): Promise<Stretch | undefined> {
  if (offset >= size) return undefined;
  const libc = await loadCalls();
  if (libc === null) return { start: offset, end: size };
  const start = Number(libc.lseek(fd, BigInt(offset), SEEK_DATA));
  // Also what a file system answers that knows nothing of holes; the caller then meets zeros, which costs time only.
  if (start < 0) return offset === 0 ? { start: 0, end: size } : undefined;
  const end = Number(libc.lseek(fd, BigInt(start), SEEK_HOLE));
  return { start, end: end > start ? Math.min(end, size) : size };
}
