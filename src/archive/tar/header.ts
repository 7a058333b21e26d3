import { archiveError, quoteName } from "../failure.ts";

/** Everything in a tar archive is padded to this many bytes. */
export const BLOCK = 512;

/** The fields of a header block (POSIX ustar and GNU). */
export interface TarHeader {
  /** Raw bytes, with the prefix of ustar. */
  readonly name: Buffer;
  readonly mode: number;
  /** Bytes that follow, before padding. */
  readonly size: number;
  /** Seconds since 1970, before which it is negative. */
  readonly mtime: number;
  /** A letter; `0` for a file of the oldest archives too. */
  readonly type: string;
  readonly link: Buffer;
}

/**
 * Reads a header block.
 * @returns null for a block of zeros.
 * @throws AppError when its checksum is wrong or a number in it is none.
 */
export function readTarHeader(block: Buffer): TarHeader | null {
  if (block.every((byte) => byte === 0)) return null;
  checkSum(block);
  const own = untilNul(block.subarray(0, 100));
  const prefix = block.toString("latin1", 257, 263) === "ustar\0" ? untilNul(block.subarray(345, 500)) : EMPTY;
  const name = prefix.length === 0 ? own : Buffer.concat([prefix, SLASH, own]);
  const type = block.toString("latin1", 156, 157);
  return {
    name,
    mode: readNumber(block, 100, 8, name) & 0o7777,
    size: readNumber(block, 124, 12, name),
    mtime: readTime(block, 136, 12, name),
    type: type === "\0" || type === "7" ? "0" : type,
    link: untilNul(block.subarray(157, 257)),
  };
}

const EMPTY = Buffer.alloc(0);
const SLASH = Buffer.from("/");

/** A number of a header: octal digits, or bytes with the highest bit set as GNU tar writes what octal cannot hold. */
export function readNumber(block: Buffer, start: number, length: number, name: Buffer): number {
  const first = block[start] ?? 0;
  const value = first >= 0x80 ? readBytes(block, start, length) : readOctal(block, start, length);
  if (first !== 0xff && Number.isSafeInteger(value)) return value;
  throw archiveError(`the tar header of ${quoteName(name.toString("latin1"))} has a damaged or negative number`);
}

/** The same for a time, of which GNU tar writes those before 1970 as two's complement. */
function readTime(block: Buffer, start: number, length: number, name: Buffer): number {
  if (block[start] !== 0xff) return readNumber(block, start, length, name);
  return -1 - block.subarray(start, start + length).reduce((value, byte) => value * 256 + (0xff - byte), 0);
}

function readBytes(block: Buffer, start: number, length: number): number {
  let value = (block[start] ?? 0) & 0x7f;
  for (let at = start + 1; at < start + length; at++) value = value * 256 + (block[at] ?? 0);
  return value;
}

/** Spaces, digits, then spaces and NULs; NaN for anything else. Without a text of its own: a sparse map has two million numbers. */
function readOctal(block: Buffer, start: number, length: number): number {
  const end = start + length;
  let at = start;
  let value = 0;
  while (at < end && block[at] === SPACE) at++;
  for (; at < end && isOctal(block[at]); at++) value = value * 8 + (block[at] ?? 0) - ZERO;
  while (at < end && (block[at] === SPACE || block[at] === 0)) at++;
  return at === end ? value : Number.NaN;
}

const SPACE = 0x20;
const ZERO = 0x30;
const isOctal = (byte: number | undefined): boolean => byte !== undefined && byte >= ZERO && byte < ZERO + 8;

/** Bytes up to the first NUL. */
export function untilNul(bytes: Buffer): Buffer {
  const end = bytes.indexOf(0);
  return end === -1 ? bytes : bytes.subarray(0, end);
}

/** The sum over all bytes with the field itself as spaces; some old programs added the bytes as signed numbers. */
function checkSum(block: Buffer): void {
  let unsigned = 0;
  let signed = 0;
  for (let i = 0; i < BLOCK; i++) {
    const byte = i >= 148 && i < 156 ? 0x20 : (block[i] ?? 0);
    unsigned += byte;
    signed += byte < 0x80 ? byte : byte - 0x100;
  }
  const digits = /^[ ]*([0-7]+)[ \0]*$/.exec(block.toString("latin1", 148, 156))?.[1];
  const wanted = digits === undefined ? undefined : Number.parseInt(digits, 8);
  if (wanted === unsigned || wanted === signed) return;
  throw archiveError("a tar header is damaged, or this is no tar archive", "fetch or make the archive again");
}
