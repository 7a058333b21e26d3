import { fstatSync, ftruncateSync, readSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { writeSparse } from "../archive/sparse-file.ts";
import { nextStretch, shareBytes } from "../runtime/extents.ts";

const CHUNK = 1 << 20;

/**
 * Copies a file into a new, empty one: by reflink where the file system can, else piece by piece, holes kept. Blocks on the disk.
 * @param size of the file, in bytes; so many the copy has.
 * @param signal its reason is thrown when it aborts; looked at after each MiB.
 * @returns whether nothing had to be copied.
 * @throws system errors.
 */
export async function copyBytes(from: number, to: number, size: number, signal: AbortSignal): Promise<boolean> {
  signal.throwIfAborted();
  const shared = await shareBytes(from, to);
  if (!shared) await copyStretches(from, to, size, signal);
  if (fstatSync(from).size < size) throw new Error("the file became shorter while it was copied");
  ftruncateSync(to, size);
  return shared;
}

async function copyStretches(from: number, to: number, size: number, signal: AbortSignal): Promise<void> {
  const buffer = Buffer.alloc(CHUNK);
  for (let stretch = await nextStretch(from, 0, size); stretch !== undefined; ) {
    for (let at = stretch.start; at < stretch.end; ) {
      await setImmediate();
      signal.throwIfAborted();
      const count = readSync(from, buffer, 0, Math.min(CHUNK, stretch.end - at), at);
      if (count === 0) break;
      writeSparse(to, buffer.subarray(0, count), at);
      at += count;
    }
    stretch = await nextStretch(from, stretch.end, size);
  }
}
