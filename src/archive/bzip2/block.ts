import type { BitReader } from "../bits.ts";
import { archiveError } from "../failure.ts";
import { type Code, readCode, readSymbol } from "../huffman.ts";

/** One block after the other, in buffers that are made once. */
export interface Bzip2Block {
  /**
   * Reads a block behind its checksum.
   * @param capacity largest number of bytes of it before its runs are expanded: 100,000 to 900,000.
   * @throws AppError when it is damaged.
   */
  read(bits: BitReader, capacity: number): void;
  /** What the block stands for, in chunks of about 64 KiB, each a buffer of its own. To be taken once. */
  output(): Generator<Uint8Array>;
  /** Checksum of what `output` gave so far. */
  crc(): number;
}

const CHUNK = 64 << 10;
const GROUP = 50;

/** The largest capacity. */
const MOST = 900_000;

/** Takes 3.6 MB of memory: one is for a whole file, which may be a million streams with nothing in them. */
export function createBzip2Block(): Bzip2Block {
  /** In its low byte what was read, above it the way of the inverse transform. */
  const links = new Uint32Array(MOST);
  let length = 0;
  let start = 0;
  let crc = 0;
  return {
    read(bits, capacity) {
      crc = 0xffffffff;
      if (bits.read(1) === 1) throw archiveError("the bz2 data has a block of a kind that nobody makes since 1997");
      const origin = bits.read(24);
      length = readSymbols(bits, links.subarray(0, capacity));
      if (origin >= length) throw damaged("origin");
      linkBack(links, length);
      start = (links[origin] ?? 0) >>> 8;
    },
    *output() {
      for (const chunk of expandRuns(links, length, start)) {
        crc = updateCrc(crc, chunk);
        yield chunk;
      }
    },
    crc: () => ~crc >>> 0,
  };
}

/** Undoes Huffman code, move to front and the runs of zeros. @returns how many bytes there are. */
function readSymbols(bits: BitReader, links: Uint32Array): number {
  const front = readUsedBytes(bits);
  const endSymbol = front.length + 1;
  const codeCount = bits.read(3);
  if (codeCount < 2 || codeCount > 6) throw damaged("number of codes");
  const selectors = readSelectors(bits, codeCount);
  const codes = Array.from({ length: codeCount }, () => readCode(bits, endSymbol + 1));
  let length = 0;
  let run = 0;
  let weight = 1;
  for (const selector of selectors) {
    const code = codes[selector] as Code;
    for (let i = 0; i < GROUP; i++) {
      const symbol = readSymbol(bits, code);
      if (symbol <= 1) {
        run += weight << symbol;
        weight <<= 1;
        if (run > links.length - length) throw damaged("length of a block");
        continue;
      }
      if (run > 0) {
        links.fill(front[0] ?? 0, length, length + run);
        length += run;
        run = 0;
      }
      weight = 1;
      if (symbol === endSymbol) return length;
      if (length === links.length) throw damaged("length of a block");
      const byte = front[symbol - 1] ?? 0;
      front.copyWithin(1, 0, symbol - 1);
      front[0] = byte;
      links[length++] = byte;
    }
  }
  throw damaged("a block without its end");
}

function readUsedBytes(bits: BitReader): Uint8Array {
  const groups = bits.read(16);
  const used: number[] = [];
  for (let group = 0; group < 16; group++) {
    if ((groups & (0x8000 >> group)) === 0) continue;
    const members = bits.read(16);
    for (let member = 0; member < 16; member++) {
      if ((members & (0x8000 >> member)) !== 0) used.push(group * 16 + member);
    }
  }
  if (used.length === 0) throw damaged("no bytes in use");
  return Uint8Array.from(used);
}

function readSelectors(bits: BitReader, codeCount: number): Uint8Array {
  const count = bits.read(15);
  if (count === 0) throw damaged("number of selectors");
  const front = [0, 1, 2, 3, 4, 5].slice(0, codeCount);
  return Uint8Array.from({ length: count }, () => {
    let index = 0;
    while (bits.read(1) === 1) {
      if (++index >= codeCount) throw damaged("selector");
    }
    const [selector = 0] = front.splice(index, 1);
    front.unshift(selector);
    return selector;
  });
}

/** The inverse of the Burrows-Wheeler transform: puts the place of each byte's successor above the byte. */
function linkBack(links: Uint32Array, length: number): void {
  const places = new Uint32Array(257);
  for (let i = 0; i < length; i++) {
    const after = ((links[i] ?? 0) & 0xff) + 1;
    places[after] = (places[after] ?? 0) + 1;
  }
  for (let byte = 1; byte < 257; byte++) places[byte] = (places[byte] ?? 0) + (places[byte - 1] ?? 0);
  for (let i = 0; i < length; i++) {
    const byte = (links[i] ?? 0) & 0xff;
    const place = places[byte] ?? 0;
    places[byte] = place + 1;
    links[place] = ((links[place] ?? 0) & 0xff) | (i << 8);
  }
}

/** Four equal bytes are followed by how many more there are. */
function* expandRuns(links: Uint32Array, length: number, start: number): Generator<Uint8Array> {
  let out = new Uint8Array(CHUNK + 256);
  let filled = 0;
  let equal = 0;
  let last = -1;
  for (let left = length, at = start; left > 0; left--) {
    const link = links[at] ?? 0;
    const byte = link & 0xff;
    at = link >>> 8;
    if (equal === 4) {
      out.fill(last, filled, filled + byte);
      filled += byte;
      equal = 0;
      last = -1;
    } else {
      equal = byte === last ? equal + 1 : 1;
      last = byte;
      out[filled++] = byte;
    }
    if (filled < CHUNK) continue;
    yield out.subarray(0, filled);
    out = new Uint8Array(CHUNK + 256);
    filled = 0;
  }
  if (filled > 0) yield out.subarray(0, filled);
}

/** CRC-32 with the highest bit first, which no library of the runtimes has. */
const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte << 24;
  for (let bit = 0; bit < 8; bit++) value = value < 0 ? (value << 1) ^ 0x04c11db7 : value << 1;
  return value >>> 0;
});

function updateCrc(crc: number, bytes: Uint8Array): number {
  let value = crc;
  for (let i = 0; i < bytes.length; i++) {
    value = (value << 8) ^ (CRC_TABLE[((value >>> 24) ^ (bytes[i] ?? 0)) & 0xff] ?? 0);
  }
  return value >>> 0;
}

function damaged(what: string): Error {
  return archiveError(`the bz2 data is damaged (${what})`, "fetch or make the file again");
}
