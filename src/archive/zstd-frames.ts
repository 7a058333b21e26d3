import { type ArchiveFile, readPiece } from "./archive-file.ts";
import { archiveError, truncated, WRONG_NAME } from "./failure.ts";

/** Where a frame begins, and the offset behind it. */
export interface ZstdFrame {
  readonly start: number;
  readonly end: number;
}

/** A decoder is made for each; the seekable format makes one of 64 KiB, so 64 GiB have as many. */
const MAX_FRAMES = 1 << 20;

/**
 * Walks the frames of a Zstandard file by their lengths (RFC 8878, 3.1), without unpacking: node:zlib takes a file that ends in the
 * middle of a frame for a whole one, and stops behind the first frame in some runtimes.
 * @throws AppError when it ends early, holds something behind its last frame, or asks for a window above 128 MiB.
 */
export async function* walkZstdFrames(file: ArchiveFile): AsyncGenerator<ZstdFrame> {
  let frames = 0;
  for (let at = 0; at < file.size; ) {
    const start = at;
    const magic = (await peek(file, at, 4)).readUInt32LE(0);
    const isSkippable = magic >= 0x184d2a50 && magic <= 0x184d2a5f;
    if (isSkippable) at += 8 + (await peek(file, at + 4, 4)).readUInt32LE(0);
    else if (magic === 0xfd2fb528) at = await skipFrame(file, at + 4);
    else if (frames === 0) throw archiveError("expected a zst file, found something else", WRONG_NAME);
    else throw archiveError("the zst file has other bytes behind its end");
    if (at > file.size) throw truncated("the zst file");
    if (isSkippable) continue;
    if (++frames > MAX_FRAMES) throw archiveError(`the zst file has more than ${MAX_FRAMES} frames`);
    yield { start, end: at };
  }
  if (frames === 0) throw truncated("the zst file");
}

/** The decoder's own default, 2^27; `zstd --long=31` makes files that need more. */
const MAX_WINDOW = 128 << 20;

const FIELD_LENGTHS = [0, 1, 2, 4];

/** @returns the offset behind the frame whose header descriptor is at `at`. */
async function skipFrame(file: ArchiveFile, at: number): Promise<number> {
  const descriptor = (await peek(file, at, 1)).readUInt8(0);
  const isSingle = (descriptor & 0x20) !== 0;
  if (!isSingle) checkWindow((await peek(file, at + 1, 1)).readUInt8(0));
  const sizeField = descriptor >> 6;
  const dictionary = FIELD_LENGTHS[descriptor & 3] ?? 0;
  const contentSize = sizeField === 0 ? (isSingle ? 1 : 0) : 1 << sizeField;
  let next = at + 1 + (isSingle ? 0 : 1) + dictionary + contentSize;
  for (let last = false; !last; ) {
    const block = (await peek(file, next, 3)).readUIntLE(0, 3);
    last = (block & 1) === 1;
    const isRun = ((block >> 1) & 3) === 1;
    next += 3 + (isRun ? 1 : block >> 3);
  }
  return next + ((descriptor & 4) !== 0 ? 4 : 0);
}

function checkWindow(byte: number): void {
  const base = 2 ** (10 + (byte >> 3));
  if (base + (base / 8) * (byte & 7) <= MAX_WINDOW) return;
  throw archiveError("the zst file needs a window of more than 128 MiB", "compress it without --long above 27");
}

async function peek(file: ArchiveFile, at: number, length: number): Promise<Buffer> {
  return await readPiece(file, at, length, "the zst file");
}
