import type { ByteReader } from "../byte-reader.ts";
import type { Extent } from "../entry.ts";
import { archiveError, truncated } from "../failure.ts";
import { BLOCK, readNumber } from "./header.ts";
import { type PaxRecords, paxNumber, paxValue, readDecimal } from "./pax.ts";

/**
 * The stretches of a sparse file that are in the archive: offset and length of each in turn. Numbers side by side take 16 bytes a stretch,
 * objects took ten times that.
 */
export type Stretches = readonly number[];

export interface SparseMap {
  /** Length of the file with its holes. */
  readonly realSize: number;
  readonly stretches: Stretches;
  /** Bytes of the entry that the map itself takes. */
  readonly mapBytes: number;
}

/** A disk of 64 GiB with a hole after every 64 KiB has this many. */
const MAX_STRETCHES = 1 << 20;

/** The map of GNU's old format: four stretches in the header, more in blocks behind it. */
export async function readOldSparse(header: Buffer, name: Buffer, reader: ByteReader): Promise<SparseMap> {
  const stretches: number[] = [];
  const add = (block: Buffer, start: number, count: number): void => {
    for (let at = start; at < start + count * 24; at += 24) {
      if (block[at] === 0 && block[at + 12] === 0) return;
      pushStretch(stretches, readNumber(block, at, 12, name), readNumber(block, at + 12, 12, name));
    }
  };
  add(header, 386, 4);
  for (let more = header[482] !== 0; more; ) {
    const block = await reader.exactly(BLOCK);
    if (block === undefined) throw truncated("the tar archive");
    add(block, 0, 21);
    more = block[504] !== 0;
  }
  return { realSize: readNumber(header, 483, 12, name), stretches, mapBytes: 0 };
}

/** The map of one of GNU's formats 0.0, 0.1 and 1.0 in extended headers; undefined when the entry is not sparse. */
export async function readPaxSparse(
  records: PaxRecords,
  size: number,
  reader: ByteReader,
): Promise<SparseMap | undefined> {
  const major = paxNumber(records, "GNU.sparse.major");
  const realSize = paxNumber(records, "GNU.sparse.realsize") ?? paxNumber(records, "GNU.sparse.size");
  if (paxValue(records, "SUN.holesdata") !== undefined || paxValue(records, "SCHILY.realsize") !== undefined) {
    throw archiveError("a sparse entry as Solaris or star writes it", "make the archive with GNU tar or bsdtar");
  }
  if (realSize === undefined) {
    if (records.some(([key]) => key.startsWith("GNU.sparse."))) throw damaged("no length of the file");
    return undefined;
  }
  if (major === undefined || major === 0) return { realSize, stretches: listedStretches(records), mapBytes: 0 };
  if (major !== 1) throw archiveError(`a sparse entry of format ${major}: expected 0 or 1`);
  return { realSize, ...(await readLeadingMap(reader, size)) };
}

function listedStretches(records: PaxRecords): Stretches {
  const map = paxValue(records, "GNU.sparse.map");
  const numbers =
    map !== undefined
      ? splitNumbers(map.toString("latin1"))
      : records
          .filter(([key]) => key === "GNU.sparse.offset" || key === "GNU.sparse.numbytes")
          .map(([, value]) => readDecimal(value.toString("latin1")));
  return pairUp(numbers);
}

function splitNumbers(text: string): number[] {
  return text === "" ? [] : text.split(",").map(readDecimal);
}

/** Format 1.0: decimal numbers, a line each, before the content and padded to whole blocks. */
async function readLeadingMap(reader: ByteReader, size: number): Promise<Omit<SparseMap, "realSize">> {
  const numbers: number[] = [];
  let text = "";
  let wanted = 1;
  let mapBytes = 0;
  while (numbers.length < wanted) {
    const block = mapBytes + BLOCK > size ? undefined : await reader.exactly(BLOCK);
    if (block === undefined) throw damaged("its map ends early");
    mapBytes += BLOCK;
    const lines = (text + block.toString("latin1")).split("\n");
    text = lines.pop() ?? "";
    if (numbers.length + lines.length < wanted && text.length > 16) throw damaged("its map");
    for (const line of lines.slice(0, wanted - numbers.length)) numbers.push(readDecimal(line));
    if (wanted > 1) continue;
    wanted = 1 + (numbers[0] ?? 0) * 2;
    if (wanted > 1 + MAX_STRETCHES * 2) throw tooMany();
    for (const line of lines.slice(1, wanted)) numbers.push(readDecimal(line));
  }
  return { stretches: pairUp(numbers.slice(1)), mapBytes };
}

function pairUp(numbers: readonly number[]): Stretches {
  if (numbers.length % 2 !== 0) throw damaged("its map");
  const stretches: number[] = [];
  for (let i = 0; i < numbers.length; i += 2) pushStretch(stretches, numbers[i] ?? 0, numbers[i + 1] ?? 0);
  return stretches;
}

function pushStretch(stretches: number[], offset: number, length: number): void {
  if (offset < endOf(stretches)) throw damaged("its stretches overlap");
  if (stretches.push(offset, length) > MAX_STRETCHES * 2) throw tooMany();
}

const endOf = (stretches: Stretches): number => (stretches.at(-2) ?? 0) + (stretches.at(-1) ?? 0);

/**
 * @throws AppError unless the map lies within the file and takes all of the stored bytes, of which every stretch but the last has whole
 * blocks: GNU tar begins each with a block of its own, others put them side by side, and a disk would be another one.
 */
export function checkSparseMap(map: SparseMap, size: number): void {
  const { stretches } = map;
  if (endOf(stretches) > map.realSize) throw damaged("a stretch lies behind its end");
  let stored = map.mapBytes;
  let isLast = true;
  for (let at = stretches.length - 1; at > 0; at -= 2) {
    const length = stretches[at] ?? 0;
    if (!isLast && length % BLOCK !== 0) {
      throw damaged(`a stretch before its last is no whole number of ${BLOCK} bytes`);
    }
    if (length > 0) isLast = false;
    stored += length;
  }
  if (stored !== size) throw damaged(`its map stands for ${stored} bytes, it has ${size}`);
}

/** The stored bytes at their places. */
export async function* readStretches(
  map: SparseMap,
  take: (length: number) => AsyncIterable<Uint8Array>,
): AsyncGenerator<Extent> {
  for (let pair = 0; pair < map.stretches.length; pair += 2) {
    let at = map.stretches[pair] ?? 0;
    for await (const bytes of take(map.stretches[pair + 1] ?? 0)) {
      yield { offset: at, bytes };
      at += bytes.length;
    }
  }
}

function damaged(what: string): Error {
  return archiveError(`a sparse entry of the tar archive is damaged (${what})`, "fetch or make the archive again");
}

function tooMany(): Error {
  return archiveError(`a sparse entry has more than ${MAX_STRETCHES} stretches`, "make the archive without --sparse");
}
