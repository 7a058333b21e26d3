import type { FileHandle } from "node:fs/promises";
import { truncated } from "./failure.ts";

/** An archive on the disk, open for reading; nobody else writes to it. */
export interface ArchiveFile {
  readonly handle: FileHandle;
  /** Length in bytes. */
  readonly size: number;
  /** Its reason is thrown at the next read when it aborts. */
  readonly signal: AbortSignal;
}

/** Bytes of one read. */
const CHUNK = 256 << 10;

/** The bytes from `start` to before `end`, in chunks of at most 256 KiB, each a buffer of its own. @throws AppError when the file is shorter. */
export async function* readRange(file: ArchiveFile, start: number, end: number): AsyncGenerator<Uint8Array> {
  for (let at = start; at < end; ) {
    file.signal.throwIfAborted();
    const buffer = new Uint8Array(Math.min(CHUNK, end - at));
    const { bytesRead } = await file.handle.read(buffer, 0, buffer.length, at);
    if (bytesRead === 0) throw truncated("the archive");
    at += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

/** All of `length` bytes from `start`; for small pieces only. @throws AppError when the file is shorter. */
export async function readPiece(file: ArchiveFile, start: number, length: number, what: string): Promise<Buffer> {
  file.signal.throwIfAborted();
  const buffer = Buffer.alloc(length);
  for (let done = 0; done < length; ) {
    const { bytesRead } = await file.handle.read(buffer, done, length - done, start + done);
    if (bytesRead === 0) throw truncated(what);
    done += bytesRead;
  }
  return buffer;
}
