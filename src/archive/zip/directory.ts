import { type ArchiveFile, readPiece } from "../archive-file.ts";
import { archiveError, entryError, truncated, WRONG_NAME } from "../failure.ts";
import { decodeName } from "../names.ts";

/** What the central directory says about an entry. */
export interface ZipRecord {
  readonly name: string;
  readonly rawName: Buffer;
  readonly flags: number;
  /** 0 stored, 8 deflated. */
  readonly method: number;
  readonly crc: number;
  readonly packedSize: number;
  readonly size: number;
  /** Where its local header begins. */
  readonly offset: number;
  /** Type and permissions as Unix has them, 0 where the archive was made elsewhere. */
  readonly unixMode: number;
  /** DOS date and time, in local time of whoever made it. */
  readonly modified: number;
}

interface End {
  readonly count: number;
  readonly start: number;
  readonly length: number;
}

const END = 22;
const LOCATOR = 20;
const MAX_COMMENT = 0xffff;

/** More than 100,000 entries with the longest names that Linux takes would need. */
const MAX_DIRECTORY = 64 << 20;

/**
 * Reads the central directory (APPNOTE.TXT 4.3.12), with its 64-bit form.
 * @throws AppError for what is damaged, ends early, spans volumes, is encrypted or packed by an unknown method.
 */
export async function readZipDirectory(file: ArchiveFile, maxEntries: number): Promise<readonly ZipRecord[]> {
  const { count, start, length } = await findDirectory(file);
  if (count > maxEntries) throw archiveError(`more than ${maxEntries} entries`);
  if (length > MAX_DIRECTORY)
    throw archiveError(`a zip directory of ${length} bytes: expected at most ${MAX_DIRECTORY}`);
  const data = await readPiece(file, start, length, "the zip archive");
  const records: ZipRecord[] = [];
  let at = 0;
  while (records.length < count) {
    const record = readRecord(data, at);
    records.push(record.value);
    at = record.end;
  }
  if (at !== length) throw damaged("its directory has other bytes at its end");
  checkPlaces(records, start);
  return records;
}

async function findDirectory(file: ArchiveFile): Promise<End> {
  const from = Math.max(0, file.size - END - MAX_COMMENT);
  const tail = await readPiece(file, from, file.size - from, "the zip archive");
  for (let at = tail.length - END; at >= 0; at--) {
    if (tail.readUInt32LE(at) !== 0x06054b50 || at + END + tail.readUInt16LE(at + 20) !== tail.length) continue;
    if (tail.readUInt16LE(at + 4) !== 0 || tail.readUInt16LE(at + 6) !== 0) {
      throw archiveError("the zip archive is one volume of several", "make it in one piece");
    }
    const short = {
      count: tail.readUInt16LE(at + 10),
      length: tail.readUInt32LE(at + 12),
      start: tail.readUInt32LE(at + 16),
    };
    const end = from + at;
    const isLong = short.count === 0xffff || short.length === 0xffffffff || short.start === 0xffffffff;
    return isLong ? await findLongDirectory(file, end, short) : checkEnd(short, end);
  }
  const head = await readPiece(file, 0, Math.min(4, file.size), "the zip archive");
  if (head.toString("latin1").startsWith("PK")) throw truncated("the zip archive");
  throw archiveError("expected a zip archive, found something else", WRONG_NAME);
}

async function findLongDirectory(file: ArchiveFile, end: number, short: End): Promise<End> {
  if (end < LOCATOR) return checkEnd(short, end);
  const locator = await readPiece(file, end - LOCATOR, LOCATOR, "the zip archive");
  if (locator.readUInt32LE(0) !== 0x07064b50) return checkEnd(short, end);
  const at = readLong(locator, 8);
  const record = at + 56 > end ? Buffer.alloc(56) : await readPiece(file, at, 56, "the zip archive");
  if (record.readUInt32LE(0) !== 0x06064b50) throw damaged("the end of its directory");
  return checkEnd({ count: readLong(record, 32), length: readLong(record, 40), start: readLong(record, 48) }, at);
}

function checkEnd(directory: End, end: number): End {
  if (directory.start + directory.length !== end) throw damaged("its directory is not where it says");
  return directory;
}

function readRecord(data: Buffer, at: number): { readonly value: ZipRecord; readonly end: number } {
  if (at + 46 > data.length || data.readUInt32LE(at) !== 0x02014b50) throw damaged("its directory");
  const nameEnd = at + 46 + data.readUInt16LE(at + 28);
  const extraEnd = nameEnd + data.readUInt16LE(at + 30);
  const end = extraEnd + data.readUInt16LE(at + 32);
  if (end > data.length) throw damaged("its directory");
  const rawName = data.subarray(at + 46, nameEnd);
  const name = decodeName(rawName);
  const [size, packedSize, offset] = longValues(data.subarray(nameEnd, extraEnd), [
    data.readUInt32LE(at + 24),
    data.readUInt32LE(at + 20),
    data.readUInt32LE(at + 42),
  ]);
  const madeBy = data.readUInt8(at + 5);
  const value: ZipRecord = {
    name,
    rawName,
    flags: data.readUInt16LE(at + 8),
    method: data.readUInt16LE(at + 10),
    modified: data.readUInt32LE(at + 12),
    crc: data.readUInt32LE(at + 16),
    packedSize: packedSize ?? 0,
    size: size ?? 0,
    offset: offset ?? 0,
    unixMode: madeBy === 3 || madeBy === 19 ? data.readUInt32LE(at + 38) >>> 16 : 0,
  };
  refuseOdd(value);
  return { value, end };
}

/** Values that do not fit 32 bits stand in an extra field, in this order and only those (4.5.3). */
export function longValues(extra: Buffer, values: readonly number[]): readonly number[] {
  if (!values.includes(0xffffffff)) return values;
  for (let at = 0; at + 4 <= extra.length; ) {
    const end = at + 4 + extra.readUInt16LE(at + 2);
    if (extra.readUInt16LE(at) === 1 && end <= extra.length) {
      let next = at + 4;
      return values.map((value) => {
        if (value !== 0xffffffff) return value;
        if (next + 8 > end) throw damaged("a 64-bit field");
        next += 8;
        return readLong(extra, next - 8);
      });
    }
    at = end;
  }
  return values;
}

function readLong(data: Buffer, at: number): number {
  const value = Number(data.readBigUInt64LE(at));
  if (!Number.isSafeInteger(value)) throw damaged("a 64-bit field");
  return value;
}

const METHODS: Readonly<Record<number, string>> = {
  9: "deflate64",
  12: "bzip2",
  14: "lzma",
  93: "zstd",
  95: "xz",
  99: "AES",
};

function refuseOdd({ name, flags, method, packedSize, size }: ZipRecord): void {
  if ((flags & 0x2041) !== 0 || method === 99)
    throw entryError(name, "it is encrypted", "make the archive without a password");
  if ((flags & 0x20) !== 0) throw entryError(name, "it is a patch of another file");
  if (method !== 0 && method !== 8) {
    const known = METHODS[method];
    const found = known === undefined ? `method ${method}` : `method ${method} (${known})`;
    throw entryError(name, `expected it stored or deflated, found ${found}`, "make the archive with plain zip");
  }
  if (method === 0 && packedSize !== size) throw entryError(name, "it is stored, with two different lengths");
}

/** Entries that share bytes make a small archive endless, and tell different readers different things. */
function checkPlaces(records: readonly ZipRecord[], directory: number): void {
  const sorted = [...records].sort((a, b) => a.offset - b.offset);
  for (const [index, record] of sorted.entries()) {
    const end = record.offset + 30 + record.rawName.length + record.packedSize;
    const next = sorted[index + 1]?.offset ?? directory;
    if (end > next) throw entryError(record.name, "it overlaps what stands behind it in the archive");
  }
}

export function damaged(what: string): Error {
  return archiveError(`the zip archive is damaged (${what})`, "fetch or make the archive again");
}
