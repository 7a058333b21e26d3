import { BitReader } from "../bits.ts";
import { archiveError, truncated, WRONG_NAME } from "../failure.ts";
import { type Bzip2Block, createBzip2Block } from "./block.ts";

/** More than the largest block takes: 900,000 symbols of 20 bits, with its tables. */
const WINDOW = 3 << 20;

/** First half of pi and of its square root in decimal: what a block and the end of a stream begin with. */
const BLOCK_MAGIC = 0x314159265359;
const END_MAGIC = 0x177245385090;

/**
 * Unpacks bzip2, all streams one after the other. At most one block and 3 MiB of input are held.
 * @throws AppError for a file that ends early, is damaged by its checksums or has other bytes behind its end.
 */
export async function* unpackBzip2(packed: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const input = createWindow(packed);
  const block = createBzip2Block();
  for (let streams = 0; ; streams++) {
    await input.fill();
    if (input.bits.isAtEnd()) {
      if (streams === 0) throw truncated("the bz2 file");
      return;
    }
    yield* unpackStream(input, block, streams);
  }
}

interface Window {
  readonly bits: BitReader;
  /** Holds `WINDOW` bytes again, or all that are left. */
  fill(): Promise<void>;
}

function createWindow(packed: AsyncIterable<Uint8Array>): Window {
  const chunks = packed[Symbol.asyncIterator]();
  const bits = new BitReader(() => truncated("the bz2 file"));
  let ended = false;
  return {
    bits,
    async fill() {
      const more: Uint8Array[] = [];
      for (let held = bits.bytesLeft(); !ended && held < WINDOW; ) {
        const { done, value } = await chunks.next();
        ended = done === true;
        if (value === undefined) continue;
        more.push(value);
        held += value.length;
      }
      if (more.length > 0) bits.append(more);
    },
  };
}

async function* unpackStream(input: Window, block: Bzip2Block, streams: number): AsyncGenerator<Uint8Array> {
  const { bits } = input;
  const capacity = readLevel(bits, streams) * 100_000;
  let combined = 0;
  for (;;) {
    await input.fill();
    const magic = bits.read(24) * 2 ** 24 + bits.read(24);
    const wanted = readCrc(bits);
    if (magic === END_MAGIC) {
      if (wanted !== combined) throw damaged("checksum of the stream");
      bits.alignToByte();
      return;
    }
    if (magic !== BLOCK_MAGIC) throw damaged("no block where one must begin");
    block.read(bits, capacity);
    yield* block.output();
    if (block.crc() !== wanted) throw damaged("checksum of a block");
    combined = (((combined << 1) | (combined >>> 31)) ^ wanted) >>> 0;
  }
}

function readLevel(bits: BitReader, streams: number): number {
  const magic = bits.read(24);
  if (magic !== 0x425a68) {
    if (streams > 0) throw archiveError("the bz2 file has other bytes behind its end");
    throw archiveError("expected a bz2 file, found something else", WRONG_NAME);
  }
  const level = bits.read(8) - 0x30;
  if (level < 1 || level > 9) throw damaged("block size");
  return level;
}

function readCrc(bits: BitReader): number {
  return bits.read(16) * 0x10000 + bits.read(16);
}

function damaged(what: string): Error {
  return archiveError(`the bz2 data is damaged (${what})`, "fetch or make the file again");
}
