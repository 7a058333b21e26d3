import { AppError } from "../base/errors.ts";
import { orList } from "../base/text.ts";

/** Hash functions of go-getter's `checksum`, with the number of hex digits of each. */
const HEX_LENGTHS = { md5: 32, sha1: 40, sha256: 64, sha512: 128 } as const;

export type ChecksumType = keyof typeof HEX_LENGTHS;

export interface Checksum {
  readonly type: ChecksumType;
  /** Lower case. */
  readonly hex: string;
}

/** What an artifact without a checksum of its own is hashed with, so that it still has an identity. */
export const DEFAULT_TYPE: ChecksumType = "sha256";

/**
 * Reads `type:hex`, or plain hex whose length tells the type, as go-getter does; case does not matter.
 * @throws AppError `invalid` naming the length that the type needs.
 */
export function parseChecksum(text: string): Checksum {
  const trimmed = text.trim();
  const colon = trimmed.indexOf(":");
  const hex = trimmed.slice(colon + 1).toLowerCase();
  if (colon === -1) return guessType(hex, text);
  const type = trimmed.slice(0, colon).toLowerCase();
  if (!isType(type)) {
    const known = orList(Object.keys(HEX_LENGTHS));
    throw new AppError(
      "invalid",
      `checksum ${JSON.stringify(text)}: expected type ${known}, found ${JSON.stringify(type)}`,
    );
  }
  if (hex.length !== HEX_LENGTHS[type] || !isHex(hex)) {
    const found = isHex(hex) ? `${hex.length}` : JSON.stringify(hex);
    throw new AppError(
      "invalid",
      `checksum ${JSON.stringify(text)}: expected ${HEX_LENGTHS[type]} hex digits for ${type}, found ${found}`,
    );
  }
  return { type, hex };
}

/** The form `type:hex` that job files, messages and records use. */
export function formatChecksum(checksum: Checksum): string {
  return `${checksum.type}:${checksum.hex}`;
}

function guessType(hex: string, text: string): Checksum {
  for (const [type, length] of Object.entries(HEX_LENGTHS)) {
    if (isType(type) && hex.length === length && isHex(hex)) return { type, hex };
  }
  const lengths = Object.entries(HEX_LENGTHS).map(([type, length]) => `${length} (${type})`);
  const found = isHex(hex) ? `${hex.length}` : "something else";
  throw new AppError(
    "invalid",
    `checksum ${JSON.stringify(text)}: expected ${orList(lengths)} hex digits, found ${found}`,
  );
}

function isType(text: string): text is ChecksumType {
  return Object.hasOwn(HEX_LENGTHS, text);
}

function isHex(text: string): boolean {
  return /^[0-9a-f]+$/.test(text);
}
