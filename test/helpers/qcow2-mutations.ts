import { pick, type Random } from "./fuzz.ts";

/** Where a qcow2 header has its fields, and how many bytes each (QEMU's docs/interop/qcow2.txt). */
const FIELDS = [
  ["version", 4, 4],
  ["backing_file_offset", 8, 8],
  ["backing_file_size", 16, 4],
  ["cluster_bits", 20, 4],
  ["size", 24, 8],
  ["crypt_method", 32, 4],
  ["l1_size", 36, 4],
  ["l1_table_offset", 40, 8],
  ["refcount_table_offset", 48, 8],
  ["refcount_table_clusters", 56, 4],
  ["nb_snapshots", 60, 4],
  ["snapshots_offset", 64, 8],
  ["incompatible_features", 72, 8],
  ["compatible_features", 80, 8],
  ["autoclear_features", 88, 8],
  ["refcount_order", 96, 4],
  ["header_length", 100, 4],
  ["compression_type", 104, 1],
] as const;

/** Backing format, external data file, names of features, bitmaps, encryption, one that nobody knows, and the end of the list. */
const EXTENSIONS = [0xe2792aca, 0x44415441, 0x6803f857, 0x23852875, 0x0537be77, 0x12345678, 0] as const;

const SMALL = [
  0n,
  1n,
  2n,
  3n,
  4n,
  7n,
  8n,
  9n,
  15n,
  16n,
  20n,
  21n,
  22n,
  40n,
  72n,
  104n,
  105n,
  112n,
  1023n,
  1024n,
] as const;

/**
 * One to three changes of a qcow2 image where they mean something: a field with a value at some limit, a feature, a header extension, a
 * backing file, a table's content, a cut; now and then any byte.
 * @param named the file that is named where a file is named.
 * @param told gets what was done, for who looks for the reason.
 */
export function mutateQcow2(image: Buffer, random: Random, named: string, told: string[]): Buffer {
  let out = Buffer.from(image);
  const changes = 1 + random(3);
  for (let change = 0; change < changes; change++) {
    const kind = random(16);
    if (kind < 6) setField(out, random, told);
    else if (kind < 8) setBit(out, random, told);
    else if (kind < 11) addExtension(out, random, named, told);
    else if (kind < 12) addBacking(out, random, named, told);
    else if (kind < 14) damageTable(out, random, told);
    else if (kind < 15) out[4 + random(600)] = random(256);
    else if (random(2) === 0) out = out.subarray(0, 8 + random(out.length - 8));
    if (out.length < 200) return out;
  }
  return out;
}

function setField(out: Buffer, random: Random, told: string[]): void {
  const [name, at, width] = pick(random, FIELDS);
  const cluster = 1n << BigInt(Math.min(40, out.readUInt32BE(20)));
  const size = BigInt(out.length);
  const value = BigInt.asUintN(
    width * 8,
    pick(random, [
      pick(random, SMALL),
      1n << BigInt(random(64)),
      (1n << BigInt(random(64))) - 1n,
      cluster * BigInt(random(8)),
      cluster * BigInt(random(8)) + 8n,
      size,
      size - cluster,
      size / cluster,
      ~0n,
      out.readBigUInt64BE(pick(random, [24, 40, 48, 64])),
      BigInt(random(2 ** 31)),
    ]),
  );
  told.push(`${name} = ${value}`);
  if (width === 8) out.writeBigUInt64BE(value, at);
  else if (width === 4) out.writeUInt32BE(Number(value), at);
  else out[at] = Number(value);
}

function setBit(out: Buffer, random: Random, told: string[]): void {
  const at = pick(random, [72, 80, 88]);
  const bit = random(2) === 0 ? random(6) : random(64);
  told.push(`features at ${at}: bit ${bit}`);
  out.writeBigUInt64BE(out.readBigUInt64BE(at) ^ (1n << BigInt(bit)), at);
}

/** In front of those that are there. */
function addExtension(out: Buffer, random: Random, named: string, told: string[]): void {
  const headerLength = out.readUInt32BE(4) === 2 ? 72 : Math.max(104, out.readUInt32BE(100));
  const content = pick(random, [named, "raw", "", "\0".repeat(24), "\0".repeat(16), "x".repeat(random(300))]);
  const length = pick(random, [content.length, content.length, content.length, 0, 8, 0xffffffff, random(70_000)]);
  const type = pick(random, EXTENSIONS);
  const bytes = Buffer.alloc(8 + Math.ceil(content.length / 8) * 8);
  if (headerLength + bytes.length * 2 > Math.min(out.length, 512)) return;
  bytes.writeUInt32BE(type, 0);
  bytes.writeUInt32BE(length, 4);
  bytes.write(content, 8, "latin1");
  told.push(`extension 0x${type.toString(16)} of ${length} bytes, ${JSON.stringify(content)}`);
  out.copy(out, headerLength + bytes.length, headerLength, 512 - bytes.length);
  bytes.copy(out, headerLength);
}

function addBacking(out: Buffer, random: Random, named: string, told: string[]): void {
  const name = pick(random, [
    named,
    `file:${named}`,
    `json:{"driver":"raw","file":{"driver":"file","filename":${JSON.stringify(named)}}}`,
    "nbd:unix:/nowhere:exportname=x",
    "",
  ]);
  const at = Math.max(112, pick(random, [512 - 200, 200, out.length - 300]));
  if (at >= out.length) return;
  out.write(name, at, "latin1");
  out.writeBigUInt64BE(BigInt(at), 8);
  out.writeUInt32BE(pick(random, [name.length, name.length, 0, 1023, 1024]), 16);
  told.push(`backing file ${name}`);
}

/** Some bytes where the header says that a table is. */
function damageTable(out: Buffer, random: Random, told: string[]): void {
  const place = pick(random, [40, 48, 64]);
  const at = Math.max(4, Number(out.readBigUInt64BE(place) % BigInt(out.length)) + random(pick(random, [8, 64, 512])));
  told.push(`table of ${place}: byte ${at}`);
  for (let byte = at; byte < Math.min(out.length, at + 1 + random(8)); byte++) out[byte] = random(256);
}
