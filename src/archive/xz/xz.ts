import { crc32 } from "node:zlib";
import type { ArchiveFile } from "../archive-file.ts";
import { archiveError, WRONG_NAME } from "../failure.ts";
import { readXzBlockHeader } from "./block.ts";
import { type BlockTally, createBlockTally, readXzIndex } from "./block-index.ts";
import { CHECK_LENGTHS, createXzCheck } from "./check.ts";
import { xzDamaged, xzUnsupported } from "./failure.ts";
import { chainFilters, type FilterChain } from "./filters.ts";
import { XzInput } from "./input.ts";
import { Lzma2Decoder } from "./lzma2.ts";

const MAGIC = Buffer.from("\xfd7zXZ\0", "latin1");

/** Of the header of a stream and of its footer, in bytes. */
const HEADER = 12;

/**
 * Unpacks xz (The .xz File Format 1.2), all streams one after the other, as `xz -d` does. Takes the memory of its dictionary, 64 MiB at
 * most, and some 600 kB. A chunk lies in the dictionary, and is there until the next one is asked for.
 * @throws AppError for a file that ends early, is damaged by its checks or lengths, needs more than there is, or has other bytes behind
 * its end.
 */
export async function* unpackXz(file: ArchiveFile): AsyncGenerator<Uint8Array> {
  const input = new XzInput(file);
  const lzma2 = new Lzma2Decoder();
  try {
    for (let streams = 0; await findStream(input, streams); streams++) yield* unpackStream(input, lzma2);
  } finally {
    input.release();
    lzma2.release();
  }
}

/** Looks for the next stream, behind zeros in fours. @returns whether there is one. */
async function findStream(input: XzInput, streams: number): Promise<boolean> {
  for (;;) {
    await input.load(HEADER);
    if (input.held === 0 && streams > 0) return false;
    const start = input.bytes.subarray(input.at, input.at + Math.min(input.held, MAGIC.length));
    if (streams > 0 && start.length >= 4 && start.subarray(0, 4).every((byte) => byte === 0)) {
      input.at += 4;
      continue;
    }
    if (MAGIC.subarray(0, start.length).equals(start)) return true;
    if (streams > 0) throw archiveError("the xz file has other bytes behind its end");
    throw archiveError("expected an xz file, found something else", WRONG_NAME);
  }
}

async function* unpackStream(input: XzInput, lzma2: Lzma2Decoder): AsyncGenerator<Uint8Array> {
  const flags = readFlags(await input.take(HEADER), MAGIC.length);
  const blocks = createBlockTally();
  for (;;) {
    await input.need(1);
    if (input.bytes[input.at] === 0) break;
    yield* unpackBlock(input, lzma2, flags & 0xff, blocks);
  }
  const indexLength = await readXzIndex(input, blocks);
  const footer = await input.take(HEADER);
  if (footer.toString("latin1", 10) !== "YZ") throw xzDamaged("the end of a stream");
  if (crc32(footer.subarray(4, 10)) !== footer.readUInt32LE(0)) throw xzDamaged("the checksum of a stream's end");
  if (footer.readUInt16BE(8) !== flags || (footer.readUInt32LE(4) + 1) * 4 !== indexLength) {
    throw xzDamaged("the end of a stream is that of another");
  }
}

/** @returns the flags of a stream, of which the lower byte is the kind of check. */
function readFlags(header: Buffer, at: number): number {
  if (crc32(header.subarray(at, at + 2)) !== header.readUInt32LE(at + 2)) throw xzDamaged("the checksum of a header");
  const flags = header.readUInt16BE(at);
  if (flags > 0x0f) throw xzUnsupported("has a stream of a kind that is not known");
  return flags;
}

async function* unpackBlock(
  input: XzInput,
  lzma2: Lzma2Decoder,
  kind: number,
  blocks: BlockTally,
): AsyncGenerator<Uint8Array> {
  const begin = input.taken;
  await input.need(1);
  const header = readXzBlockHeader(await input.take(((input.bytes[input.at] ?? 0) + 1) * 4));
  const check = createXzCheck(kind);
  const chain = header.filters.length === 0 ? undefined : chainFilters(header.filters);
  const data = input.taken;
  let unpacked = 0;
  lzma2.begin(header.dictionary);
  for await (const bytes of unfiltered(input, lzma2, chain)) {
    check.update(bytes);
    unpacked += bytes.length;
    yield bytes;
  }
  const packed = input.taken - data;
  if (packed !== (header.packed ?? packed) || unpacked !== (header.unpacked ?? unpacked)) {
    throw xzDamaged("the lengths of a block");
  }
  const padding = await input.take(-packed & 3);
  if (padding.some((byte) => byte !== 0)) throw xzDamaged("what stands behind a block");
  const wanted = await input.take(CHECK_LENGTHS[kind] ?? 0);
  if (!check.digest().equals(wanted)) throw xzDamaged("the checksum of a block");
  blocks.add(input.taken - begin - padding.length, unpacked);
}

async function* unfiltered(
  input: XzInput,
  lzma2: Lzma2Decoder,
  chain: FilterChain | undefined,
): AsyncGenerator<Uint8Array> {
  for (let bytes = await lzma2.next(input); bytes !== undefined; bytes = await lzma2.next(input)) {
    const out = chain?.push(bytes) ?? bytes;
    if (out.length > 0) yield out;
  }
  const rest = chain?.finish();
  if (rest !== undefined && rest.length > 0) yield rest;
}
