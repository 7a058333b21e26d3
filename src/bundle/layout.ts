import { keyName } from "../cache/key.ts";
import type { BundledArtifact, Manifest } from "./manifest.ts";

/** A tar is made of blocks of so many bytes. */
export const BLOCK = 512;

/** What stands behind the last member. */
export const END = Buffer.alloc(2 * BLOCK);

export const MANIFEST_NAME = "manifest.json";
export const SIGNATURE_NAME = "manifest.sig";

/** A file in a bundle behind its manifest. */
export type Member =
  | {
      readonly kind: "job" | "binary";
      readonly name: string;
      readonly file: string;
      readonly bytes: number;
      readonly sha256: string;
    }
  | {
      readonly kind: "artifact";
      readonly name: string;
      readonly artifact: BundledArtifact;
      readonly bytes: number;
      readonly sha256: string;
    };

/** The members of a bundle in their order: small ones first, so that they are found without reading images. */
export function membersOf({ jobs, binaries, artifacts }: Manifest): Member[] {
  const plain =
    (kind: "job" | "binary", folder: string) =>
    ({ file, bytes, sha256 }: { readonly file: string; readonly bytes: number; readonly sha256: string }): Member => ({
      kind,
      name: `${folder}/${file}`,
      ...{ file, bytes, sha256 },
    });
  return [
    ...jobs.map(plain("job", "jobs")),
    ...binaries.filter(({ packed }) => packed).map(plain("binary", "bin")),
    ...artifacts
      .filter(({ packed }) => packed)
      .map((artifact, at): Member => {
        const { key, bytes, sha256 } = artifact;
        // The number tells apart what the beginning of a long checksum does not.
        return {
          kind: "artifact",
          name: `artifacts/${at}-${key.type}-${keyName(key).slice(0, 64)}`,
          artifact,
          bytes,
          sha256,
        };
      }),
  ];
}

/** Zeros behind a member's content. */
export function paddingOf(bytes: number): Buffer {
  return Buffer.alloc((BLOCK - (bytes % BLOCK)) % BLOCK);
}

/**
 * The header of a member (POSIX ustar), always the same for the same member: whoever reads it compares all of it.
 * @param name at most 100 bytes of ASCII.
 * @param created of the bundle.
 */
export function headerOf(name: string, bytes: number, created: string): Buffer {
  const block = Buffer.alloc(BLOCK);
  const octal = (value: number, at: number, length: number): void => {
    block.write(value.toString(8).padStart(length - 1, "0"), at, "latin1");
  };
  block.write(name, 0, 100, "latin1");
  octal(name.startsWith("bin/") ? 0o755 : 0o644, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  if (bytes < 8 ** 11) octal(bytes, 124, 12);
  else writeLarge(block, bytes);
  octal(Math.floor(Date.parse(created) / 1000), 136, 12);
  block.write("0", 156, "latin1");
  block.write("ustar\u000000", 257, "latin1");
  block.fill(0x20, 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\u0000 `, 148, "latin1");
  return block;
}

/** Eleven octal digits end at 8 GiB; GNU tar, bsdtar, busybox and Python write and read it so. */
function writeLarge(block: Buffer, bytes: number): void {
  block[124] = 0x80;
  block.writeBigUInt64BE(BigInt(bytes), 128);
}
