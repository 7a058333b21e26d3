import { crc32, deflateRawSync } from "node:zlib";

/** An entry of a tar archive, written as it is told, however wrong. */
export interface TarEntry {
  readonly name: string | Buffer;
  readonly type?: string;
  readonly body?: Uint8Array | string;
  /** The size that the header says, when it is not that of the body. */
  readonly size?: number;
  readonly link?: string;
  readonly mode?: number;
  readonly mtime?: number;
  /** `ustar\0` `00` unless told: `ustar  \0` is GNU's. */
  readonly magic?: string;
  /** Bytes of the header block by their offset, put there before the checksum is made. */
  readonly raw?: Readonly<Record<number, string | Buffer>>;
  /** Blocks between header and body. */
  readonly between?: readonly Buffer[];
}

export const GNU_MAGIC = "ustar  \0";
export const TAR_END = Buffer.alloc(1024);

/** A tar archive of these entries. */
export function tarOf(...entries: readonly TarEntry[]): Buffer {
  return Buffer.concat([...entries.map(tarEntry), TAR_END]);
}

export function tarEntry(entry: TarEntry): Buffer {
  const body = Buffer.from(entry.body ?? "");
  const block = Buffer.alloc(512);
  Buffer.from(entry.name).copy(block, 0, 0, 100);
  block.write(octal(entry.mode ?? 0o644, 7), 100);
  block.write(octal(0, 7), 108);
  block.write(octal(0, 7), 116);
  block.write(octal(entry.size ?? body.length, 11), 124);
  block.write(octal(entry.mtime ?? 1_700_000_000, 11), 136);
  block.write(entry.type ?? "0", 156);
  block.write(entry.link ?? "", 157);
  block.write(entry.magic ?? "ustar\x0000", 257, "latin1");
  for (const [offset, bytes] of Object.entries(entry.raw ?? {})) Buffer.from(bytes).copy(block, Number(offset));
  block.write("        ", 148);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${octal(sum, 6)}\0 `, 148, "latin1");
  return Buffer.concat([block, ...(entry.between ?? []), body, Buffer.alloc((512 - (body.length % 512)) % 512)]);
}

export function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, "0");
}

/** An extended header for the entry behind it. */
export function pax(records: readonly (readonly [string, string])[], type = "x"): TarEntry {
  const lines = records.map(([key, value]) => {
    const rest = ` ${key}=${value}\n`;
    const bytes = Buffer.byteLength(rest);
    let length = bytes + String(bytes).length;
    if (bytes + String(length).length !== length) length = bytes + String(length).length;
    return `${length}${rest}`;
  });
  return { name: "pax", type, body: lines.join("") };
}

/** An entry of a zip archive. */
export interface ZipEntry {
  readonly name: string | Buffer;
  readonly body?: Uint8Array | string;
  readonly method?: number;
  /** Type and permissions; 0100644 unless told. */
  readonly mode?: number;
  readonly flags?: number;
  /** Fields of the local header that differ from the directory's. */
  readonly local?: { readonly name?: string; readonly method?: number; readonly size?: number; readonly crc?: number };
  /** Fields of the directory that are lies. */
  readonly central?: { readonly size?: number; readonly crc?: number; readonly offset?: number };
  /** Lengths and offset in the 64-bit extra field. */
  readonly long?: boolean;
}

/** A zip archive of these entries. */
export function zipOf(...entries: readonly ZipEntry[]): Buffer {
  const locals: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const entry of entries) {
    const { local, central } = zipEntry(entry, offset);
    locals.push(local);
    directory.push(central);
    offset += local.length;
  }
  const records = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(records.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...locals, records, end]);
}

function zipEntry(entry: ZipEntry, offset: number): { readonly local: Buffer; readonly central: Buffer } {
  const name = Buffer.from(entry.name);
  const body = Buffer.from(entry.body ?? "");
  const method = entry.method ?? 8;
  const packed = method === 8 ? deflateRawSync(body) : body;
  const crc = crc32(body);
  const local = Buffer.alloc(30);
  const localName = Buffer.from(entry.local?.name ?? name);
  local.writeUInt32LE(0x04034b50, 0);
  local.writeUInt16LE(entry.flags ?? 0, 6);
  local.writeUInt16LE(entry.local?.method ?? method, 8);
  local.writeUInt32LE(entry.local?.crc ?? crc, 14);
  local.writeUInt32LE(packed.length, 18);
  local.writeUInt32LE(entry.local?.size ?? entry.central?.size ?? body.length, 22);
  local.writeUInt16LE(localName.length, 26);
  const central = Buffer.alloc(46);
  const extra = entry.long === true ? longField(body.length, packed.length, offset) : Buffer.alloc(0);
  const short = (value: number): number => (entry.long === true ? 0xffffffff : value);
  central.writeUInt32LE(0x02014b50, 0);
  central.writeUInt8(3, 5);
  central.writeUInt16LE(entry.flags ?? 0, 8);
  central.writeUInt16LE(method, 10);
  central.writeUInt32LE(entry.central?.crc ?? crc, 16);
  central.writeUInt32LE(short(packed.length), 20);
  central.writeUInt32LE(short(entry.central?.size ?? body.length), 24);
  central.writeUInt16LE(name.length, 28);
  central.writeUInt16LE(extra.length, 30);
  central.writeUInt32LE(((entry.mode ?? 0o100644) << 16) >>> 0, 38);
  central.writeUInt32LE(short(entry.central?.offset ?? offset), 42);
  return { local: Buffer.concat([local, localName, packed]), central: Buffer.concat([central, name, extra]) };
}

function longField(size: number, packed: number, offset: number): Buffer {
  const field = Buffer.alloc(28);
  field.writeUInt16LE(1, 0);
  field.writeUInt16LE(24, 2);
  for (const [index, value] of [size, packed, offset].entries()) field.writeBigUInt64LE(BigInt(value), 4 + index * 8);
  return field;
}
