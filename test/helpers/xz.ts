import { crc32 } from "node:zlib";

/** Bytes as an xz file (The .xz File Format 1.2) whose chunks are not compressed: the runtimes have no packer for xz. */
export function xzOf(body: Uint8Array): Buffer {
  const flags = Buffer.from([0, 1]);
  const header = Buffer.concat([Buffer.from("\xfd7zXZ\0", "latin1"), flags, sum(flags)]);
  const blockHeader = Buffer.from([2, 0, 0x21, 1, 8, 0, 0, 0]);
  const chunks: Buffer[] = [];
  for (let at = 0; at < body.length; at += 0x10000) {
    const bytes = body.subarray(at, at + 0x10000);
    const size = bytes.length - 1;
    chunks.push(Buffer.from([at === 0 ? 1 : 2, size >> 8, size & 0xff]), Buffer.from(bytes));
  }
  const packed = Buffer.concat([blockHeader, sum(blockHeader), ...chunks, Buffer.of(0)]);
  const list = pad(Buffer.from([0, 1, ...varint(packed.length + 4), ...varint(body.length)]));
  const index = Buffer.concat([list, sum(list)]);
  const back = Buffer.alloc(4);
  back.writeUInt32LE(index.length / 4 - 1);
  const tail = Buffer.concat([back, flags]);
  return Buffer.concat([header, pad(packed), sum(body), index, sum(tail), tail, Buffer.from("YZ")]);
}

function sum(bytes: Uint8Array): Buffer {
  const out = Buffer.alloc(4);
  out.writeUInt32LE(crc32(bytes));
  return out;
}

function pad(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);
}

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(Math.floor(value / 0x80))];
}
