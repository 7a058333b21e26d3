import { describe, expect, test } from "bun:test";
import { closeSync, openSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { inspectHeader } from "../../../src/image/header.ts";
import type { Inspection } from "../../../src/image/inspection.ts";
import { randomBelow } from "../../helpers/random.ts";
import { tempForAll } from "../../helpers/temp-per-test.ts";

const dir = tempForAll();

function inspect(content: Uint8Array): Inspection {
  const path = join(dir.path, "image");
  writeFileSync(path, content);
  const fd = openSync(path, "r");
  try {
    return inspectHeader(fd);
  } finally {
    closeSync(fd);
  }
}

const CLUSTER = 65_536;

/** Where qcow2 has its fields, and how wide they are. */
const FIELDS = {
  magic: [0, 4],
  version: [4, 4],
  backing_file_offset: [8, 8],
  backing_file_size: [16, 4],
  cluster_bits: [20, 4],
  size: [24, 8],
  crypt_method: [32, 4],
  l1_size: [36, 4],
  l1_table_offset: [40, 8],
  refcount_table_offset: [48, 8],
  refcount_table_clusters: [56, 4],
  nb_snapshots: [60, 4],
  snapshots_offset: [64, 8],
  incompatible_features: [72, 8],
  autoclear_features: [88, 8],
  refcount_order: [96, 4],
  header_length: [100, 4],
  compression_type: [104, 1],
} as const;
type Fields = Partial<Record<keyof typeof FIELDS, number | bigint>>;

const SOUND: Fields = {
  magic: 0x514649fb,
  version: 3,
  cluster_bits: 16,
  size: 1 << 30,
  l1_size: 2,
  l1_table_offset: 3 * CLUSTER,
  refcount_table_offset: CLUSTER,
  refcount_table_clusters: 1,
  refcount_order: 4,
  header_length: 112,
};

/** A qcow2 file of four clusters with the given fields over sound ones. */
function qcow2(fields: Fields, extensions: Uint8Array = Buffer.alloc(0)): Buffer {
  const image = Buffer.alloc(4 * CLUSTER);
  const all = { ...SOUND, ...fields };
  for (const name of Object.keys(FIELDS) as (keyof typeof FIELDS)[]) {
    const [at, width] = FIELDS[name];
    const value = BigInt(all[name] ?? 0);
    if (width === 8) image.writeBigUInt64BE(value, at);
    else image.writeUIntBE(Number(value), at, width);
  }
  image.set(extensions, all.version === 2 ? 72 : Math.min(Number(all.header_length), CLUSTER));
  return image;
}

function extension(type: number, content: string, length = content.length): Buffer {
  const bytes = Buffer.alloc(8 + Math.ceil(content.length / 8) * 8);
  bytes.writeUInt32BE(type, 0);
  bytes.writeUInt32BE(length, 4);
  bytes.write(content, 8, "latin1");
  return bytes;
}

function refusal(content: Uint8Array): string {
  const seen = inspect(content);
  if (seen.format !== "refused") throw new Error(`expected a refusal, found ${JSON.stringify(seen)}`);
  expect(seen.hint).not.toBe("");
  return seen.found;
}

describe("raw", () => {
  test.each([
    [1, 512],
    [512, 512],
    [513, 1024],
    [1 << 20, 1 << 20],
  ])("%d bytes of no known format are a disk of %d bytes", (size, virtualSize) => {
    expect(inspect(Buffer.alloc(size, 0xeb))).toEqual({ format: "raw", virtualSize });
  });

  test("a signature behind its place says nothing", () => {
    expect(inspect(Buffer.concat([Buffer.alloc(1), Buffer.from("QFI\xfb\0\0\0\x03", "latin1")])).format).toBe("raw");
  });

  test("an empty file is no disk", () => {
    expect(refusal(Buffer.alloc(0))).toBe("an empty file");
  });
});

describe("other formats are refused by name", () => {
  const at = (offset: number, signature: string, size = 4096): Buffer => {
    const image = Buffer.alloc(size);
    image.write(signature, offset, "latin1");
    return image;
  };
  test.each([
    ["a qcow (version 1) image", at(0, "QFI\xfb\0\0\0\x01")],
    ["a VMDK image", at(0, "KDMV")],
    ["a VMDK image", at(0, "COWD")],
    ["a VMDK descriptor", Buffer.from("# Disk DescriptorFile\nversion=1\n")],
    ["a VMDK descriptor", Buffer.from("#disk descriptorfile")],
    [
      "a VMDK descriptor",
      Buffer.from('# anything\r\n  \r\n\nversion=3\ncreateType="monolithicFlat"\nRW 1 FLAT "/etc/shadow" 0\n'),
    ],
    ["a VDI image", at(64, "\x7f\x10\xda\xbe")],
    ["a VHD image", at(0, "conectix")],
    ["a VHD image", at(4096 - 512, "conectix")],
    ["a VHDX image", at(0, "vhdxfile")],
    ["a QED image", at(0, "QED\0")],
    ["a LUKS container", at(0, "LUKS\xba\xbe\0\x01")],
    ["a Parallels image", at(0, "WithoutFreeSpace")],
    ["a Parallels image", at(0, "WithouFreSpacExt")],
    ["a DMG image", at(4096 - 512, "koly")],
    ["a Bochs image", at(0, "Bochs Virtual HD Image")],
    ["a cloop image", at(0, "#!/bin/sh\n#V2.0 Format\n")],
  ])("%s", (name, content) => {
    expect(refusal(content)).toBe(name);
  });

  test("text that only mentions a version is raw", () => {
    expect(inspect(Buffer.from("hello\nversion=1\n")).format).toBe("raw");
  });
});

describe("qcow2", () => {
  test("a sound header of version 3 and of version 2 is accepted", () => {
    expect(inspect(qcow2({}))).toEqual({ format: "qcow2", virtualSize: 1 << 30 });
    expect(inspect(qcow2({ version: 2, header_length: 0, refcount_order: 0 }))).toEqual({
      format: "qcow2",
      virtualSize: 1 << 30,
    });
  });

  test("a size that is no whole number of sectors loses its rest, as in QEMU", () => {
    expect(inspect(qcow2({ size: 1023 }))).toEqual({ format: "qcow2", virtualSize: 512 });
  });

  test.each([
    ["dirty", { incompatible_features: 1 }],
    ["zstd", { incompatible_features: 8, compression_type: 1 }],
    ["subclusters", { incompatible_features: 16, l1_size: 4 }],
  ])("the known feature %s is accepted", (_, fields) => {
    expect(inspect(qcow2(fields)).format).toBe("qcow2");
  });

  test("harmless extensions are accepted", () => {
    const names = Buffer.concat([
      extension(0x6803f857, "x".repeat(48)),
      extension(0x12345678, "abc"),
      extension(0, ""),
    ]);
    expect(inspect(qcow2({}, names)).format).toBe("qcow2");
  });

  test("a backing file is refused, with the name it has", () => {
    const image = qcow2({ backing_file_offset: 512, backing_file_size: 40 });
    image.write("/etc/shadow\u001b\0and what QEMU reads no more", 512);
    expect(refusal(image)).toBe('a qcow2 image with a backing file ("/etc/shadow\\\\x1b")');
  });

  test.each([
    ["a name that lies behind the end", { backing_file_offset: 1n << 40n, backing_file_size: 5 }],
    ["a name of four gigabytes", { backing_file_offset: 512, backing_file_size: 0xffffffff }],
    ["a length without a place", { backing_file_size: 5 }],
    ["a place without a length", { backing_file_offset: 0xffffffffffffffffn }],
  ])("a backing file is refused with %s", (_, fields) => {
    expect(refusal(qcow2(fields))).toStartWith("a qcow2 image with a backing file");
  });

  test.each([
    ["an external data file", { incompatible_features: 4 }],
    ["encrypted with AES", { crypt_method: 1 }],
    ["encrypted with LUKS", { crypt_method: 2 }],
    ["unknown encryption 3", { crypt_method: 3 }],
    ["unknown features (incompatible bits 0x20)", { incompatible_features: 32 }],
    ["unknown features (incompatible bits 0x8000000000000000)", { incompatible_features: 1n << 63n }],
    ["unknown version 4", { version: 4 }],
    ["unknown version 0", { version: 0 }],
    ["it is marked as corrupt", { incompatible_features: 2 }],
    ["cluster_bits: expected 9 to 21, found 8", { cluster_bits: 8 }],
    ["cluster_bits: expected 9 to 21, found 4294967295", { cluster_bits: 0xffffffff }],
    ["header_length: expected 104 to 65536, found 103", { header_length: 103 }],
    ["header_length: expected 104 to 65536, found 65544", { header_length: 65_544 }],
    ["header_length: expected a multiple of 8, found 105", { header_length: 105 }],
    ["refcount_order: expected 0 to 6, found 7", { refcount_order: 7 }],
    ["virtual size: expected at least 512 bytes, found 0", { size: 0 }],
    ["virtual size: expected at least 512 bytes, found 511", { size: 511 }],
    ["virtual size: found 18446744073709551615", { size: 0xffffffffffffffffn }],
    ["l1_size: expected at least 2, found 1", { l1_size: 1 }],
    ["l1_size: expected at least 4, found 3", { l1_size: 3, incompatible_features: 16 }],
    ["l1_size: expected at most 4194304", { l1_size: 0xffffffff }],
    ["l1_table_offset: expected a multiple of 65536, found 0", { l1_table_offset: 0 }],
    ["l1_table_offset: expected a multiple of 65536, found 65537", { l1_table_offset: 65_537 }],
    ["l1_table_offset: 262144 + 16 bytes lie behind the end", { l1_table_offset: 4 * CLUSTER }],
    ["l1_table_offset", { l1_table_offset: 0xffffffffffff0000n }],
    ["refcount_table_clusters: expected at least 1", { refcount_table_clusters: 0 }],
    ["refcount table: expected at most 8388608 bytes", { refcount_table_clusters: 0xffffffff }],
    [
      "refcount_table_offset: 131072 + 262144 bytes",
      { refcount_table_offset: 2 * CLUSTER, refcount_table_clusters: 4 },
    ],
    ["nb_snapshots: expected at most 65536", { nb_snapshots: 65_537 }],
    ["snapshots_offset: expected a multiple", { nb_snapshots: 1 }],
    ["snapshots_offset: expected a multiple of 65536, found 21", { snapshots_offset: 21 }],
    ["snapshots_offset: 18446744073709486080 + 0 bytes", { snapshots_offset: 0xffffffffffff0000n }],
    ["its data file is raw, and has none", { autoclear_features: 2 }],
    ["cluster_bits: expected at least 14 with subclusters", { cluster_bits: 12, incompatible_features: 16 }],
    ["compression_type: found 1", { compression_type: 1 }],
    ["compression_type: found 0", { incompatible_features: 8 }],
    ["compression_type: found 2", { incompatible_features: 8, compression_type: 2 }],
  ])("refused: %s", (message, fields) => {
    expect(refusal(qcow2(fields))).toContain(message);
  });

  test.each([
    ["an external data file", extension(0x44415441, "/etc/shadow")],
    ["a backing format", extension(0xe2792aca, "raw")],
    ["an encryption header", extension(0x0537be77, "0123456789abcdef")],
    ["an external data file", Buffer.concat([extension(0x6803f857, "x"), extension(0x44415441, "x")])],
    ["a header extension is longer", extension(0x6803f857, "x", 0xffffffff)],
    ["a header extension is longer", extension(0, "", 0xffffffff)],
    ["bitmaps: expected 24 bytes, found 3", extension(0x23852875, "raw")],
  ])("refused by an extension: %s", (message, extensions) => {
    expect(refusal(qcow2({}, extensions))).toContain(message);
    expect(refusal(qcow2({ version: 2 }, extensions))).toContain(message);
  });

  test.each([
    ["nb_bitmaps: expected 1 to 65535, found 0", [0, 0, 0, 0, 0, 0]],
    ["nb_bitmaps: expected 1 to 65535, found 65536", [65_536, 0, 0, 32, 0, 3 * CLUSTER]],
    ["zeros in the reserved field, found 1", [1, 1, 0, 32, 0, 3 * CLUSTER]],
    ["bitmap_directory_size: expected at most 67107840", [1, 0, 1, 0, 0, 3 * CLUSTER]],
    ["bitmap_directory_offset: expected a multiple of 65536, found 512", [1, 0, 0, 32, 0, 512]],
  ])("refused by dirty bitmaps: %s, unless nobody counts on them any more", (message, words) => {
    const bytes = Buffer.alloc(24);
    for (const [at, word] of words.entries()) bytes.writeUInt32BE(word, at * 4);
    const bitmaps = extension(0x23852875, bytes.toString("latin1"));
    expect(refusal(qcow2({ autoclear_features: 1 }, bitmaps))).toContain(message);
    expect(inspect(qcow2({}, bitmaps)).format).toBe("qcow2");
  });

  test("every header that is cut off is refused, never taken for raw", () => {
    const whole = qcow2({});
    for (let length = 8; length < 112; length++) expect(inspect(whole.subarray(0, length)).format).toBe("refused");
    for (let length = 4; length < 8; length++) expect(refusal(whole.subarray(0, length))).toContain("cut off");
  });

  test("random headers behind the magic never throw and never point behind the file", () => {
    const below = randomBelow(42);
    const random = (): number => below(1 << 16);
    for (let run = 0; run < 1_000; run++) {
      const image = qcow2({});
      for (let change = 0; change < 3; change++) image[4 + (random() % 108)] = random() & 0xff;
      const seen = inspect(image.subarray(0, 200_000 + (random() % 62_000)));
      expect(["qcow2", "refused", "raw"]).toContain(seen.format);
      expect(seen.format).not.toBe("raw");
    }
  });
});

describe("an ISO 9660 image", () => {
  const iso = (at = 0x8001): Buffer => {
    const bytes = Buffer.alloc(64 << 10);
    bytes.write("CD001", at, "latin1");
    return bytes;
  };

  test("is raw and a CD-ROM, also with a boot sector in front", () => {
    const found: Inspection = { format: "raw", virtualSize: 64 << 10, cdrom: true };
    expect(inspect(iso())).toEqual(found);
    const hybrid = iso();
    hybrid.writeUInt16LE(0xaa55, 510);
    expect(inspect(hybrid)).toEqual(found);
  });

  test("is none where its name stands elsewhere, or beneath another format's", () => {
    expect(inspect(iso(0x8000))).toEqual({ format: "raw", virtualSize: 64 << 10 });
    expect(inspect(iso().subarray(0, 0x8003))).toEqual({ format: "raw", virtualSize: 0x8200 });
    const vdi = iso();
    vdi.write("QED\0", 0, "latin1");
    expect(inspect(vdi).format).toBe("refused");
  });
});
