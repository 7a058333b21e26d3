import { AppError } from "../../base/errors.ts";
import { ByteReader } from "../byte-reader.ts";
import { asExtents, type Entry } from "../entry.ts";
import { archiveError, entryError, quoteName, truncated } from "../failure.ts";
import { decodeName } from "../names.ts";
import { BLOCK, readTarHeader, type TarHeader, untilNul } from "./header.ts";
import { type PaxRecords, paxNumber, paxValue, readPaxRecords } from "./pax.ts";
import { checkSparseMap, readOldSparse, readPaxSparse, readStretches, type SparseMap } from "./sparse.ts";

/** Longest extended header or long name, in bytes. GNU's sparse format 0.1 puts its whole map into one. */
const MAX_EXTENSION = 8 << 20;

/** What extension headers say about the entry behind them. */
interface Extensions {
  readonly pax: PaxRecords;
  readonly longName?: Buffer;
  readonly longLink?: Buffer;
}

const NONE: Extensions = { pax: [] };

/**
 * The entries of a tar archive: ustar, pax and GNU, sparse files of all their formats.
 * @throws AppError for what is damaged, ends early, is neither file, directory nor link, or has other bytes behind its end.
 */
export async function* readTar(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Entry> {
  const reader = new ByteReader(chunks);
  try {
    let extensions = NONE;
    for (;;) {
      const block = await reader.exactly(BLOCK);
      if (block === undefined) throw truncated("the tar archive");
      const header = readTarHeader(block);
      if (header === null) {
        if (extensions !== NONE) throw truncated("the tar archive");
        await expectEnd(reader);
        return;
      }
      const extended = await readExtension(reader, header, extensions);
      if (extended === undefined) {
        yield* readEntry(reader, block, header, extensions);
        extensions = NONE;
      } else extensions = extended;
    }
  } finally {
    await reader.close();
  }
}

/** Behind the first block of zeros: another one, and nothing but zeros to the end, so that all checksums below are proved. */
async function expectEnd(reader: ByteReader): Promise<void> {
  const second = await reader.exactly(BLOCK);
  if (second === undefined) throw truncated("the tar archive");
  for (let bytes: Uint8Array | undefined = second; bytes !== undefined; bytes = await reader.some(BLOCK)) {
    if (bytes.some((byte) => byte !== 0)) throw archiveError("the tar archive has other bytes behind its end");
  }
}

/** @returns undefined when the header is that of an entry. */
async function readExtension(
  reader: ByteReader,
  header: TarHeader,
  before: Extensions,
): Promise<Extensions | undefined> {
  switch (header.type) {
    case "L":
      return { ...before, longName: await readLongName(reader, header) };
    case "K":
      return { ...before, longLink: await readLongName(reader, header) };
    case "x":
      return { ...before, pax: readPaxRecords(await readPadded(reader, header)) };
    case "g":
      refuseGlobal(readPaxRecords(await readPadded(reader, header)));
      return before;
    case "V":
      await readPadded(reader, header);
      return before;
    default:
      return undefined;
  }
}

/** A name of GNU's. Behind its length there are zeros: GNU tar reads on there, and would find another name. */
async function readLongName(reader: ByteReader, header: TarHeader): Promise<Buffer> {
  const data = await readBlocks(reader, header);
  if (data.subarray(header.size).some((byte) => byte !== 0)) {
    throw archiveError("a long name in the tar archive goes on behind its length", "fetch or make the archive again");
  }
  return untilNul(data.subarray(0, header.size));
}

async function readPadded(reader: ByteReader, header: TarHeader): Promise<Buffer> {
  return (await readBlocks(reader, header)).subarray(0, header.size);
}

async function readBlocks(reader: ByteReader, { size, type }: TarHeader): Promise<Buffer> {
  if (size > MAX_EXTENSION) {
    throw archiveError(`a tar header of type ${quoteName(type)} has ${size} bytes: expected at most ${MAX_EXTENSION}`);
  }
  const data = size === 0 ? Buffer.alloc(0) : await reader.exactly(padded(size));
  if (data === undefined) throw truncated("the tar archive");
  return data;
}

/** `git archive` writes a comment into one; what would rename every entry is nobody's wish. */
function refuseGlobal(records: PaxRecords): void {
  const odd = records.find(([key]) => /^(path|linkpath|size|GNU\.)/.test(key));
  if (odd !== undefined) throw archiveError(`the tar archive sets ${quoteName(odd[0])} for all entries at once`);
}

async function* readEntry(
  reader: ByteReader,
  block: Buffer,
  header: TarHeader,
  extensions: Extensions,
): AsyncGenerator<Entry> {
  const { pax } = extensions;
  const rawName = paxValue(pax, "GNU.sparse.name") ?? paxValue(pax, "path") ?? extensions.longName ?? header.name;
  const name = decodeName(rawName);
  const size = paxNumber(pax, "size") ?? header.size;
  const kind = kindOf(header, name);
  if (kind !== "file") {
    if (size !== 0) throw entryError(name, `a ${kind} with ${size} bytes of content`);
    const link = decodeName(paxValue(pax, "linkpath") ?? extensions.longLink ?? header.link);
    yield {
      name,
      kind,
      mode: header.mode,
      mtime: mtimeOf(header, pax),
      size: 0,
      link,
      content: asExtents(reader.take(0)),
    };
    return;
  }
  const map = await naming(name, () => readMap(reader, block, header, pax, size));
  let left = size - (map?.mapBytes ?? 0);
  const take = async function* (length: number): AsyncGenerator<Uint8Array> {
    for await (const bytes of reader.take(length)) {
      left -= bytes.length;
      yield bytes;
    }
  };
  const content = map === undefined ? asExtents(take(size)) : readStretches(map, take);
  yield { name, kind, mode: header.mode, mtime: mtimeOf(header, pax), size: map?.realSize ?? size, link: "", content };
  for await (const _ of reader.take(left + padded(size) - size));
}

const ODD_MAGIC = "a sparse entry whose header is of another kind of tar than its map";

async function readMap(
  reader: ByteReader,
  block: Buffer,
  header: TarHeader,
  pax: PaxRecords,
  size: number,
): Promise<SparseMap | undefined> {
  const isOld = header.type === "S";
  const map = isOld ? await readOldSparse(block, header.name, reader) : await readPaxSparse(pax, size, reader);
  if (map === undefined) return undefined;
  // Behind another mark tar itself takes what is stored for the whole file, or gives up.
  if (block.toString("latin1", 257, 263) !== (isOld ? "ustar " : "ustar\0")) throw archiveError(ODD_MAGIC);
  checkSparseMap(map, size);
  return map;
}

async function naming<T>(name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    throw entryError(name, error.message, error.hint);
  }
}

const REFUSED: Readonly<Record<string, string>> = {
  "3": "a character device",
  "4": "a block device",
  "6": "a FIFO",
  D: "a directory of an incremental backup",
  M: "the rest of a file from another volume",
};

function kindOf({ type }: TarHeader, name: string): Entry["kind"] {
  if (type === "0") return name.endsWith("/") ? "directory" : "file";
  if (type === "S") return "file";
  if (type === "1") return "hardlink";
  if (type === "2") return "symlink";
  if (type === "5") return "directory";
  const what = REFUSED[type] ?? `an entry of type ${quoteName(type)}`;
  throw entryError(name, `expected a file, directory or link, found ${what}`);
}

function mtimeOf(header: TarHeader, pax: PaxRecords): number {
  const exact = Number(paxValue(pax, "mtime")?.toString("latin1") ?? Number.NaN);
  return Number.isFinite(exact) ? exact : header.mtime;
}

function padded(size: number): number {
  return Math.ceil(size / BLOCK) * BLOCK;
}
