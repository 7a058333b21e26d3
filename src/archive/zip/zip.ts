import { crc32 } from "node:zlib";
import { type ArchiveFile, readPiece, readRange } from "../archive-file.ts";
import { inflateRange } from "../decompress.ts";
import { asExtents, type Entry } from "../entry.ts";
import { entryError, quoteName } from "../failure.ts";
import { decodeName } from "../names.ts";
import { damaged, longValues, readZipDirectory, type ZipRecord } from "./directory.ts";

/** Longest target of a symbolic link, in bytes. */
const MAX_LINK = 4095;

/**
 * The entries of a zip archive, by its directory; each is compared with the header before its content, for what two readers take
 * differently is how a check is passed by.
 * @param maxEntries more are refused before the directory is read.
 * @throws AppError for what is damaged, ends early, encrypted, packed by another method than deflate, or neither file, directory nor link.
 */
export async function* readZip(file: ArchiveFile, maxEntries: number): AsyncGenerator<Entry> {
  const records = await readZipDirectory(file, maxEntries);
  for (const record of records) {
    const start = await findContent(file, record);
    const kind = kindOf(record);
    const shared = { name: record.name, kind, mode: record.unixMode & 0o7777, mtime: mtimeOf(record.modified) };
    const content = readContent(file, record, start);
    if (kind === "file") yield { ...shared, size: record.size, link: "", content: asExtents(content) };
    else if (kind === "symlink")
      yield { ...shared, size: 0, link: await readTarget(record, content), content: asExtents(NOTHING) };
    else if (record.size === 0) yield { ...shared, size: 0, link: "", content: asExtents(NOTHING) };
    else throw entryError(record.name, `a ${kind} with ${record.size} bytes of content`);
  }
}

const NOTHING: AsyncIterable<Uint8Array> = {
  [Symbol.asyncIterator]: () => ({ next: () => Promise.resolve({ done: true, value: undefined }) }),
};

function kindOf({ name, unixMode }: ZipRecord): "file" | "directory" | "symlink" {
  const type = unixMode >> 12;
  const isDirectory = name.endsWith("/");
  if (type === 0o12 && !isDirectory) return "symlink";
  if (isDirectory && (type === 0 || type === 0o4)) return "directory";
  if (!isDirectory && (type === 0 || type === 0o10)) return "file";
  const what: Readonly<Record<number, string>> = { 1: "FIFO", 2: "character device", 6: "block device", 12: "socket" };
  throw entryError(
    name,
    `expected a file, directory or link, found a ${what[type] ?? "directory by one sign and none by another"}`,
  );
}

/** @returns where the content begins. @throws AppError when the header before it says something else than the directory. */
async function findContent(file: ArchiveFile, record: ZipRecord): Promise<number> {
  const header = await readPiece(file, record.offset, 30, "the zip archive");
  if (header.readUInt32LE(0) !== 0x04034b50) throw damaged("an entry is not where its directory says");
  const nameLength = header.readUInt16LE(26);
  const extraLength = header.readUInt16LE(28);
  const start = record.offset + 30 + nameLength + extraLength;
  const behind = await readPiece(file, record.offset + 30, nameLength + extraLength, "the zip archive");
  const name = behind.subarray(0, nameLength);
  const disagrees = (what: string): Error =>
    entryError(record.name, `the archive has it with two different ${what}`, "make the archive again");
  if (!name.equals(record.rawName)) throw disagrees(`names, the other ${quoteName(decodeName(name))}`);
  if (header.readUInt16LE(8) !== record.method) throw disagrees("methods");
  if ((header.readUInt16LE(6) & 0x2041) !== 0) throw disagrees("statements whether it is encrypted");
  // With bit 3 the lengths stand behind the content; there the directory's are all there is before it was read.
  if ((header.readUInt16LE(6) & 8) !== 0) return start;
  const lengths = longValues(behind.subarray(nameLength), [header.readUInt32LE(22), header.readUInt32LE(18)]);
  if (lengths[0] !== record.size || lengths[1] !== record.packedSize) throw disagrees("lengths");
  if (header.readUInt32LE(14) !== record.crc) throw disagrees("checksums");
  return start;
}

async function* readContent(file: ArchiveFile, record: ZipRecord, start: number): AsyncGenerator<Uint8Array> {
  const end = start + record.packedSize;
  const chunks = record.method === 8 ? inflateRange(file, start, end) : readRange(file, start, end);
  let size = 0;
  let crc = 0;
  for await (const chunk of chunks) {
    size += chunk.length;
    if (size > record.size)
      throw entryError(record.name, `it is longer than the ${record.size} bytes that the archive says`);
    crc = crc32(chunk, crc);
    yield chunk;
  }
  if (size !== record.size) throw entryError(record.name, `expected ${record.size} bytes, found ${size}`);
  if (crc !== record.crc) throw entryError(record.name, "its checksum is wrong", "fetch or make the archive again");
}

async function readTarget(record: ZipRecord, content: AsyncIterable<Uint8Array>): Promise<string> {
  if (record.size > MAX_LINK) throw entryError(record.name, `a symbolic link to a name of ${record.size} bytes`);
  const chunks: Uint8Array[] = [];
  // A chunk is there only until the next one is asked for.
  for await (const chunk of content) chunks.push(Buffer.from(chunk));
  return decodeName(Buffer.concat(chunks));
}

/** A DOS time taken as UTC: the archive does not say whose it was. Null when it is none. */
function mtimeOf(modified: number): number | null {
  const date = modified >>> 16;
  const millis = Date.UTC(
    1980 + (date >> 9),
    ((date >> 5) & 15) - 1,
    date & 31,
    (modified >> 11) & 31,
    (modified >> 5) & 63,
    (modified & 31) * 2,
  );
  return (date & 31) === 0 || ((date >> 5) & 15) === 0 ? null : millis / 1000;
}
