import { ftruncateSync, writeSync } from "node:fs";

/** Zeros of this length that stand on such a boundary become a hole. */
const PIECE = 64 << 10;

const ZEROS = Buffer.alloc(PIECE);

/** Writes bytes at their place in a new, empty file, leaving out pieces of zeros: what was never written reads as zeros. */
export function writeSparse(fd: number, bytes: Uint8Array, offset: number): void {
  let start = 0;
  for (let at = 0; at < bytes.length; ) {
    const end = Math.min(bytes.length, at + PIECE - ((offset + at) % PIECE));
    if (isZero(bytes.subarray(at, end))) {
      writeAll(fd, bytes.subarray(start, at), offset + start);
      start = end;
    }
    at = end;
  }
  writeAll(fd, bytes.subarray(start), offset + start);
}

/** Gives the file its length, whatever hole is at its end. */
export function endSparse(fd: number, length: number): void {
  ftruncateSync(fd, length);
}

function isZero(piece: Uint8Array): boolean {
  return piece[0] === 0 && ZEROS.compare(piece, 0, piece.length, 0, piece.length) === 0;
}

function writeAll(fd: number, bytes: Uint8Array, offset: number): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done, bytes.length - done, offset + done);
}
