import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { type ArchiveFile, readRange } from "../archive/archive-file.ts";
import { decompress } from "../archive/decompress.ts";
import { AppError, errnoOf } from "../base/errors.ts";
import type { VerifyTask } from "./verify-messages.ts";

/**
 * Reads an entry again from the disk: `content` against its checksum, and `unpacked` against what `content` holds.
 * @param onBytes called for each piece with the bytes that were compared so far, `content` and `unpacked` together.
 * @returns what is wrong, for people; null when every byte is right.
 * @throws system errors where the disk cannot be read; the signal's reason.
 */
export async function rehash(
  task: VerifyTask,
  onBytes: (bytes: number) => void,
  signal: AbortSignal,
): Promise<string | null> {
  try {
    return await readAll(task, onBytes, signal);
  } catch (error) {
    const code = errnoOf(error) ?? "";
    // Every reader would meet it again; any other error may be the host's of the moment.
    if (ROTTEN.has(code)) return `it cannot be read from the disk: ${code}`;
    throw error;
  }
}

/** What a disk or a file system says of data that it has lost. */
const ROTTEN: ReadonlySet<string> = new Set(["EIO", "EUCLEAN", "EBADMSG"]);

async function readAll(
  { files, record, checksum }: VerifyTask,
  onBytes: (bytes: number) => void,
  signal: AbortSignal,
): Promise<string | null> {
  await using content = await openFile(files.content, signal);
  const hash = createHash(checksum.type);
  let bytes = 0;
  for await (const chunk of readRange(content.file, 0, content.file.size)) {
    hash.update(chunk);
    bytes += chunk.length;
    onBytes(bytes);
  }
  const found = hash.digest("hex");
  if (found !== checksum.hex) return `its content is ${checksum.type}:${found.slice(0, 12)}…`;
  if (record.unpacked === null) return null;
  await using unpacked = await openFile(files.unpacked, signal);
  return await compare(decompress(content.file, record.unpacked.format), unpacked.file, (more) =>
    onBytes(bytes + more),
  );
}

/** @returns where two sequences of bytes differ, for people. */
async function compare(
  wanted: AsyncIterable<Uint8Array>,
  file: ArchiveFile,
  onBytes: (bytes: number) => void,
): Promise<string | null> {
  let at = 0;
  try {
    for await (const chunk of wanted) {
      const there = await readExactly(file.handle, chunk.length, at);
      if (!there.equals(chunk)) return `its unpacked file differs from its content after ${at} bytes`;
      at += chunk.length;
      onBytes(at);
    }
  } catch (error) {
    // Of a content that is right, that it holds something else than what was unpacked.
    if (error instanceof AppError) return `its content cannot be unpacked: ${error.message}`;
    throw error;
  }
  return at === file.size ? null : `its unpacked file has ${file.size} bytes, expected ${at}`;
}

/** Fewer bytes at the end of the file. */
async function readExactly(handle: FileHandle, length: number, at: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await handle.read(buffer, filled, length - filled, at + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return buffer.subarray(0, filled);
}

async function openFile(path: string, signal: AbortSignal): Promise<AsyncDisposable & { readonly file: ArchiveFile }> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  const { size } = await handle.stat();
  return { file: { handle, size, signal }, [Symbol.asyncDispose]: () => handle.close() };
}
