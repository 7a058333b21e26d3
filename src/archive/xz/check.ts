import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { xzUnsupported } from "./failure.ts";

/** What proves the content of a block. */
export interface XzCheck {
  update(bytes: Uint8Array): void;
  /** As the file has it. */
  digest(): Buffer;
}

/** The length of a check in bytes, by its number in the header of a stream. */
export const CHECK_LENGTHS: Readonly<Record<number, number>> = { 0: 0, 1: 4, 4: 8, 10: 32 };

/** @param kind its number in the header of a stream. @throws AppError for one that nobody has given a meaning. */
export function createXzCheck(kind: number): XzCheck {
  switch (kind) {
    case 0:
      return { update: () => undefined, digest: () => Buffer.alloc(0) };
    case 1:
      return createCrc32();
    case 4:
      return createCrc64();
    case 10: {
      const hash = createHash("sha256");
      return { update: (bytes) => hash.update(bytes), digest: () => hash.digest() };
    }
    default:
      throw xzUnsupported(`has a check of kind ${kind}: expected none, CRC-32, CRC-64 or SHA-256`);
  }
}

function createCrc32(): XzCheck {
  let value = 0;
  return {
    update(bytes) {
      value = crc32(bytes, value);
    },
    digest() {
      const digest = Buffer.alloc(4);
      digest.writeUInt32LE(value);
      return digest;
    },
  };
}

/** CRC-64 of ECMA-182, the lowest bit first. No library of the runtimes has it. */
function createCrc64(): XzCheck {
  const state = Int32Array.of(-1, -1);
  return {
    update: (bytes) => updateCrc64(state, bytes),
    digest() {
      const digest = Buffer.alloc(8);
      digest.writeInt32LE(~(state[0] ?? 0), 0);
      digest.writeInt32LE(~(state[1] ?? 0), 4);
      return digest;
    },
  };
}

let tables: Int32Array | undefined;

/** Eight tables of 256 numbers, the lower half before the upper: the n-th for a byte with n bytes behind it. */
function crc64Tables(): Int32Array {
  if (tables !== undefined) return tables;
  const made = new Int32Array(8 * 256 * 2);
  for (let byte = 0; byte < 256; byte++) {
    let low = byte;
    let high = 0;
    for (let bit = 0; bit < 8; bit++) {
      const mask = -(low & 1);
      low = ((low >>> 1) | (high << 31)) ^ (0xd7870f42 & mask);
      high = (high >>> 1) ^ (0xc96c5795 & mask);
    }
    made.set([low, high], byte * 2);
  }
  for (let at = 512; at < made.length; at += 2) {
    const low = made[at - 512] ?? 0;
    const high = made[at - 511] ?? 0;
    const entry = (low & 0xff) * 2;
    made[at] = ((low >>> 8) | (high << 24)) ^ (made[entry] ?? 0);
    made[at + 1] = (high >>> 8) ^ (made[entry + 1] ?? 0);
  }
  tables = made;
  return made;
}

/** Eight bytes at once, or it would take half as long as the decompression. @param state both halves, the lower first. */
function updateCrc64(state: Int32Array, bytes: Uint8Array): void {
  const table = crc64Tables();
  const head = bytes.length < 8 ? bytes.length : -bytes.byteOffset & 3;
  const pairs = (bytes.length - head) >> 3;
  updateByByte(state, bytes, 0, head);
  const words = new Int32Array(bytes.buffer, pairs === 0 ? 0 : bytes.byteOffset + head, pairs * 2);
  let low = state[0] ?? 0;
  let high = state[1] ?? 0;
  for (let i = 0; i < words.length; i += 2) {
    low ^= words[i] ?? 0;
    high ^= words[i + 1] ?? 0;
    const a = 3584 + ((low << 1) & 0x1fe);
    const b = 3072 + ((low >>> 7) & 0x1fe);
    const c = 2560 + ((low >>> 15) & 0x1fe);
    const d = 2048 + ((low >>> 23) & 0x1fe);
    const e = 1536 + ((high << 1) & 0x1fe);
    const f = 1024 + ((high >>> 7) & 0x1fe);
    const g = 512 + ((high >>> 15) & 0x1fe);
    const h = (high >>> 23) & 0x1fe;
    low = at(table, a) ^ at(table, b) ^ at(table, c) ^ at(table, d);
    low ^= at(table, e) ^ at(table, f) ^ at(table, g) ^ at(table, h);
    high = at(table, a + 1) ^ at(table, b + 1) ^ at(table, c + 1) ^ at(table, d + 1);
    high ^= at(table, e + 1) ^ at(table, f + 1) ^ at(table, g + 1) ^ at(table, h + 1);
  }
  state[0] = low;
  state[1] = high;
  updateByByte(state, bytes, head + pairs * 8, bytes.length);
}

const at = (table: Int32Array, index: number): number => table[index] ?? 0;

function updateByByte(state: Int32Array, bytes: Uint8Array, start: number, end: number): void {
  const table = crc64Tables();
  for (let i = start; i < end; i++) {
    const low = state[0] ?? 0;
    const high = state[1] ?? 0;
    const entry = ((low ^ (bytes[i] ?? 0)) & 0xff) << 1;
    state[0] = (table[entry] ?? 0) ^ ((low >>> 8) | (high << 24));
    state[1] = (table[entry + 1] ?? 0) ^ (high >>> 8);
  }
}
