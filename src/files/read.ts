import { closeSync, fstatSync } from "node:fs";
import { procPath } from "../base/files.ts";
import { watchLogs } from "../logs/watch.ts";
import { findBeneath } from "./beneath.ts";
import { openFound, readPiece } from "./info.ts";

/** Largest piece handed on at once; Nomad's frames have this size. */
const PIECE = 64 << 10;

export interface FileQuery {
  /** What `offset` counts from. */
  readonly origin: "start" | "end";
  /** Bytes. */
  readonly offset: number;
  /** Bytes at most; undefined for all of it. */
  readonly limit?: number | undefined;
  /** Goes on with what is written from now on, until the file goes or the signal aborts. */
  readonly follow: boolean;
  readonly signal: AbortSignal;
}

/** Throws for a place below the directory that is nobody's to read. @param names as a `Found` has them. */
export type Guard = (names: readonly string[]) => void;

export interface FilePiece {
  /** Where it begins in the file, in bytes. */
  readonly offset: number;
  readonly data: Uint8Array;
  /** What befell the file, in Nomad's words. */
  readonly event?: "file deleted" | "file truncated";
}

/**
 * Reads a file below a directory whose insides somebody hostile may own. What is not followed ends where the file ended when it was
 * opened, however fast it grows. A followed file that is cut goes on from its new end's start, as Nomad has it; one whose name goes or
 * becomes another file's ends.
 * @throws AppError as `findBeneath` does, `invalid` for what is no regular file; whatever the guard throws.
 */
export async function* readBeneath(
  root: string,
  path: string,
  query: FileQuery,
  guard: Guard,
): AsyncGenerator<FilePiece> {
  const { follow, limit, signal } = query;
  const fd = openBeneath(root, path, guard);
  try {
    const { size, ino, dev } = fstatSync(fd);
    let offset = query.origin === "start" ? query.offset : Math.max(0, size - query.offset);
    const asked = limit === undefined ? Number.POSITIVE_INFINITY : offset + limit;
    if (!follow) return yield* readUpTo(fd, offset, Math.min(size, asked));
    const isThere = (): boolean => isSame(root, path, { ino, dev });
    const watch = watchLogs(procPath(fd), signal);
    try {
      while (!signal.aborted) {
        // Asked before the rest is read: what was written until it went is told.
        const there = isThere();
        const start = offset;
        if (fstatSync(fd).size < offset) {
          offset = 0;
          yield { offset, data: new Uint8Array(), event: "file truncated" };
        }
        for await (const piece of readUpTo(fd, offset, asked)) {
          yield piece;
          offset = piece.offset + piece.data.length;
        }
        if (!there) return yield { offset, data: new Uint8Array(), event: "file deleted" };
        if (offset >= asked) return;
        await watch.next(offset !== start);
      }
    } finally {
      watch.close();
    }
  } finally {
    closeSync(fd);
  }
}

/** Opens a regular file. @returns its descriptor. @throws as `readBeneath` does. */
export function openBeneath(root: string, path: string, guard: Guard): number {
  const found = findBeneath(root, path);
  try {
    guard(found.names);
    return openFound(found, path);
  } finally {
    found.close();
  }
}

async function* readUpTo(fd: number, start: number, end: number): AsyncGenerator<FilePiece> {
  for (let offset = start; offset < end; ) {
    const data = await readPiece(fd, offset, Math.min(PIECE, end - offset));
    if (data.length === 0) return;
    yield { offset, data };
    offset += data.length;
  }
}

function isSame(root: string, path: string, open: { readonly ino: number; readonly dev: number }): boolean {
  try {
    const { stats, close } = findBeneath(root, path);
    close();
    return stats.ino === open.ino && stats.dev === open.dev;
  } catch {
    return false;
  }
}
