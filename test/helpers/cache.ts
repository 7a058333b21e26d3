import { chmodSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { mtimeOf } from "../../src/cache/entry.ts";
import { type EntryKey, filesOf, keyOf } from "../../src/cache/key.ts";
import { type EntryRecord, writeRecord } from "../../src/cache/record.ts";
import { hexOf } from "./hash.ts";

/** What `putEntry` gives an entry for md5 and sha1. */
export const REQUEST = "0123456789abcdef".repeat(2);

/** Puts an entry into a cache by hand, as a download would leave it. */
export function putEntry(
  cache: string,
  body: Uint8Array,
  type: EntryKey["type"] = "sha256",
  more: Partial<EntryRecord> = {},
): EntryKey {
  const key = keyOf({ type, hex: hexOf(body, type) }, REQUEST);
  const files = filesOf(cache, key);
  mkdirSync(files.dir, { recursive: true, mode: 0o700 });
  writeFileSync(files.content, body);
  chmodSync(files.content, 0o444);
  writeRecord(files.record, {
    bytes: body.length,
    mtime: mtimeOf(statSync(files.content)),
    source: "http://h/a.img",
    fetchedAt: Date.now(),
    unpacked: null,
    ...more,
  });
  return key;
}

/** The key of an entry with these bytes. */
export function sha256(body: Uint8Array): EntryKey {
  return keyOf({ type: "sha256", hex: hexOf(body) }, REQUEST);
}
