import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";

/** A block of an xz file. */
export interface XzBlock {
  /** As it stands in the file: `storedLzma2` of the body, or what else a test has for it. */
  readonly data: Uint8Array;
  /** What comes out. */
  readonly body: Uint8Array;
  /** Number, length of properties and properties of each filter; LZMA2 with a dictionary of 64 KiB unless told. */
  readonly filters?: readonly (readonly number[])[];
  /** What its header says of the lengths of `data` and `body`; nothing unless told. */
  readonly packed?: number;
  readonly unpacked?: number;
  /** Reserved bits of its flags. */
  readonly flags?: number;
  readonly check?: Uint8Array;
}

export interface XzStream {
  readonly blocks: readonly XzBlock[];
  /** The kind of check: 0, 1, 4 or 10; CRC-32 unless told. */
  readonly kind?: number;
  /** What the index says of each block; the truth unless told. */
  readonly records?: readonly (readonly [packed: number, unpacked: number])[];
  /** What the footer says of kind and length; the truth unless told. */
  readonly footerKind?: number;
  readonly backward?: number;
  /** What fills the index up; zeros unless told. */
  readonly filling?: number;
}

const MAGIC = Buffer.from("\xfd7zXZ\0", "latin1");

/** LZMA2 with a dictionary of 64 KiB. */
const PLAIN = [[0x21, 1, 8]];

/** Bytes as an xz file (The .xz File Format 1.2) whose chunks are not compressed: the runtimes have no packer for xz. */
export function xzOf(body: Uint8Array): Buffer {
  return xzStream({ blocks: [{ data: storedLzma2(body), body }] });
}

/** Bytes as chunks of LZMA2 that are not compressed. */
export function storedLzma2(body: Uint8Array): Buffer {
  const chunks: Buffer[] = [];
  for (let at = 0; at < body.length; at += 0x10000) {
    const bytes = body.subarray(at, at + 0x10000);
    const size = bytes.length - 1;
    chunks.push(Buffer.from([at === 0 ? 1 : 2, size >> 8, size & 0xff]), Buffer.from(bytes));
  }
  return Buffer.concat([...chunks, Buffer.of(0)]);
}

/** A stream with all its checksums right, whatever else it says. */
export function xzStream({ blocks, kind = 1, records, footerKind = kind, backward, filling }: XzStream): Buffer {
  const flags = Buffer.from([0, kind]);
  const parts = [MAGIC, flags, sum(flags)];
  const truth: [number, number][] = [];
  for (const block of blocks) {
    const header = blockHeader(block);
    const check = block.check ?? checkOf(kind, block.body);
    truth.push([header.length + block.data.length + check.length, block.body.length]);
    parts.push(header, pad(Buffer.from(block.data)), Buffer.from(check));
  }
  const listed = records ?? truth;
  const numbers = [listed.length, ...listed.flat()].flatMap(varint);
  const list = pad(Buffer.from([0, ...numbers]), filling);
  const tail = Buffer.alloc(6);
  tail.writeUInt32LE(backward ?? (list.length + 4) / 4 - 1);
  tail[5] = footerKind;
  return Buffer.concat([...parts, list, sum(list), sum(tail), tail, Buffer.from("YZ")]);
}

function blockHeader({ filters = PLAIN, packed, unpacked, flags = 0 }: XzBlock): Buffer {
  const sizes = [packed, unpacked].filter((size) => size !== undefined).flatMap(varint);
  const has = (packed === undefined ? 0 : 0x40) | (unpacked === undefined ? 0 : 0x80);
  const header = pad(Buffer.from([0, (filters.length - 1) | has | flags, ...sizes, ...filters.flat()]));
  header[0] = header.length / 4;
  return Buffer.concat([header, sum(header)]);
}

function checkOf(kind: number, body: Uint8Array): Buffer {
  if (kind === 0) return Buffer.alloc(0);
  if (kind === 4) return crc64(body);
  return kind === 10 ? createHash("sha256").update(body).digest() : sum(body);
}

/** Bit by bit, as it is defined; for small bodies only. */
function crc64(bytes: Uint8Array): Buffer {
  let value = 2n ** 64n - 1n;
  for (const byte of bytes) {
    value ^= BigInt(byte);
    for (let bit = 0; bit < 8; bit++) value = (value >> 1n) ^ ((value & 1n) * 0xc96c5795d7870f42n);
  }
  const out = Buffer.alloc(8);
  out.writeBigUInt64LE(value ^ (2n ** 64n - 1n));
  return out;
}

function sum(bytes: Uint8Array): Buffer {
  const out = Buffer.alloc(4);
  out.writeUInt32LE(crc32(bytes));
  return out;
}

function pad(bytes: Buffer, filling = 0): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4, filling)]);
}

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(Math.floor(value / 0x80))];
}
