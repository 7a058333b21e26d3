import { crc32 } from "node:zlib";
import { createBranchFilter } from "./branch-filters.ts";
import { xzDamaged, xzUnsupported } from "./failure.ts";
import { createDelta, type Filter } from "./filters.ts";
import { readVarint } from "./varint.ts";

/** What stands before the data of a block (The .xz File Format 1.2, 3.1). */
export interface XzBlockHeader {
  /** Length of what is decoded, in bytes; undefined when it does not say. */
  readonly packed: number | undefined;
  /** Length of what comes out, likewise. */
  readonly unpacked: number | undefined;
  /** What is undone once LZMA2 is, in this order. */
  readonly filters: readonly Filter[];
  /** Of LZMA2, in bytes. */
  readonly dictionary: number;
}

/** What `xz -9` makes. A window is in memory as a whole. */
const MAX_DICTIONARY = 64 << 20;

const LZMA2 = 0x21;
const DELTA = 3;

/** @param bytes all of it, from its length to its checksum. @throws AppError when it is damaged, or asks for what is not there. */
export function readXzBlockHeader(bytes: Buffer): XzBlockHeader {
  const body = bytes.subarray(0, -4);
  if (crc32(body) !== bytes.readUInt32LE(body.length)) throw xzDamaged("the checksum of a block's header");
  const flags = body.readUInt8(1);
  if ((flags & 0x3c) !== 0) throw xzUnsupported("has a block of a kind that is not known");
  const place = { at: 2 };
  const packed = (flags & 0x40) === 0 ? undefined : readVarint(body, place);
  const unpacked = (flags & 0x80) === 0 ? undefined : readVarint(body, place);
  const filters: Filter[] = [];
  for (let left = flags & 3; left > 0; left--) filters.unshift(createFilter(readFilter(body, place)));
  const last = readFilter(body, place);
  if (last.id !== LZMA2) throw unknownFilter(last.id);
  const dictionary = dictionaryOf(last.properties);
  if (body.subarray(place.at).some((byte) => byte !== 0)) throw xzDamaged("a block's header");
  if (dictionary > MAX_DICTIONARY) {
    throw xzUnsupported("needs a dictionary of more than 64 MiB", "compress it with xz -9 or less");
  }
  return { packed, unpacked, filters, dictionary };
}

interface FilterFlags {
  readonly id: number;
  readonly properties: Buffer;
}

function readFilter(body: Buffer, place: { at: number }): FilterFlags {
  const id = readVarint(body, place);
  const length = readVarint(body, place);
  const properties = body.subarray(place.at, place.at + length);
  if (properties.length !== length) throw xzDamaged("a block's header");
  place.at += length;
  return { id, properties };
}

function createFilter({ id, properties }: FilterFlags): Filter {
  if (id === DELTA) {
    if (properties.length !== 1) throw xzDamaged("the properties of a filter");
    return createDelta(properties.readUInt8(0) + 1);
  }
  const filter = createBranchFilter(id, properties.length === 4 ? properties.readUInt32LE(0) : 0);
  if (filter === undefined) throw unknownFilter(id);
  if (properties.length !== 0 && properties.length !== 4) throw xzDamaged("the properties of a filter");
  return filter;
}

/** Of those that are not read, by their numbers. */
const OTHERS: Readonly<Record<number, string>> = { 6: "for IA-64", 11: "for RISC-V" };

function unknownFilter(id: number): Error {
  const what = OTHERS[id] ?? `of number ${id}`;
  return xzUnsupported(
    `has a filter ${what}: expected LZMA2, with or without delta or one for x86, ARM, PowerPC or SPARC`,
  );
}

function dictionaryOf(properties: Buffer): number {
  const bits = properties.length === 1 ? properties.readUInt8(0) : 0xff;
  if (bits > 40) throw xzDamaged("the properties of a filter");
  return bits === 40 ? 2 ** 32 - 1 : (2 | (bits & 1)) * 2 ** ((bits >> 1) + 11);
}
