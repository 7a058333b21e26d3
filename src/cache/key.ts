import { type EntryFiles, entryFiles } from "../paths.ts";
import { type Checksum, type ChecksumType, parseChecksum } from "./checksum.ts";

/** What tells entries apart. */
export interface EntryKey extends Checksum {
  /**
   * 32 hex digits of the request that brought it, for a checksum that somebody could have made another file for; null for one that
   * proves the file to everybody who knows it.
   */
  readonly request: string | null;
}

/** Types whose collisions nobody can make. Files of the others are for the very request only that brought them. */
const PROOFS: ReadonlySet<ChecksumType> = new Set(["sha256", "sha512"]);

export const CHECKSUM_TYPES: readonly ChecksumType[] = ["md5", "sha1", "sha256", "sha512"];

/** @param request 32 hex digits; used where the checksum alone proves nothing. */
export function keyOf({ type, hex }: Checksum, request: string): EntryKey {
  return { type, hex, request: PROOFS.has(type) ? null : request };
}

/** The directory's name below the type's. */
export function keyName({ hex, request }: EntryKey): string {
  return request === null ? hex : `${hex}-${request}`;
}

/** `type:hex`, with `-request` where that belongs to it: what people call an entry by. */
export function formatKey(key: EntryKey): string {
  return `${key.type}:${keyName(key)}`;
}

/** Reads what `formatKey` writes; undefined for anything else. */
export function parseKey(text: string): EntryKey | undefined {
  const [, type = "", hex = "", request = null] = /^([a-z0-9]+):([0-9a-f]+)(?:-([0-9a-f]{32}))?$/.exec(text) ?? [];
  try {
    const checksum = parseChecksum(`${type}:${hex}`);
    return PROOFS.has(checksum.type) === (request === null) ? { ...checksum, request } : undefined;
  } catch {
    return undefined;
  }
}

/** Where an entry lies, whether it is there or not. */
export function filesOf(cache: string, key: EntryKey): EntryFiles {
  return entryFiles(cache, key.type, keyName(key));
}
