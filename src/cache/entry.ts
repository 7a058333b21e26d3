import { lstatSync, readdirSync, type Stats } from "node:fs";
import { join } from "node:path";
import { errnoOf } from "../base/errors.ts";
import type { EntryFiles } from "../paths.ts";
import { CHECKSUM_TYPES, type EntryKey, filesOf, parseKey } from "./key.ts";
import { type EntryRecord, readRecord } from "./record.ts";

/** Which file it is, under whatever name. */
export interface FileIdentity {
  readonly dev: number;
  readonly ino: number;
}

/** An entry whose files are as its record says. Whether their bytes are right only `verify` can tell. */
export interface Entry {
  readonly key: EntryKey;
  readonly files: EntryFiles;
  readonly record: EntryRecord;
  /** Milliseconds since 1970. */
  readonly usedAt: number;
  readonly content: FileIdentity;
  /** Null while nobody needed it unpacked. */
  readonly unpacked: FileIdentity | null;
  /** Names that its files have outside of the entry. More than 0: it is in use and must not be removed. */
  readonly pins: number;
  /** What its removal would free, in bytes, were it not in use: holes take none. */
  readonly allocated: number;
}

export type Lookup =
  | { readonly kind: "there"; readonly entry: Entry }
  | { readonly kind: "absent" }
  /** Something is there that must not be used. @property why what is wrong, for people. */
  | { readonly kind: "damaged"; readonly why: string };

/** Looks at sizes and times only. @throws system errors other than that there is nothing. */
export function lookUp(cache: string, key: EntryKey): Lookup {
  const files = filesOf(cache, key);
  const dir = lookAt(files.dir);
  if (dir === undefined) return { kind: "absent" };
  if (!dir.isDirectory()) return damaged("expected a directory, found something else");
  const record = readRecord(files.record);
  const recordStats = lookAt(files.record);
  if (record === undefined || recordStats === undefined) return damaged("its entry.json cannot be read");
  const content = lookAt(files.content);
  const trouble = differs("content", content, record);
  if (content === undefined || trouble !== undefined) return damaged(trouble ?? "");
  const unpacked = record.unpacked === null ? undefined : lookAt(files.unpacked);
  const more = record.unpacked === null ? undefined : differs("unpacked", unpacked, record.unpacked);
  if (more !== undefined) return damaged(more);
  const all = unpacked === undefined ? [content] : [content, unpacked];
  return {
    kind: "there",
    entry: {
      key,
      files,
      record,
      usedAt: Math.floor(recordStats.mtimeMs),
      content: identityOf(content),
      unpacked: unpacked === undefined ? null : identityOf(unpacked),
      pins: all.reduce((sum, { nlink }) => sum + nlink - 1, 0),
      allocated: all.reduce((sum, { blocks }) => sum + blocks * 512, 0),
    },
  };
}

/** What `lookUp` says of each entry that has a name in the cache, sorted by key. */
export function listEntries(cache: string): { readonly key: EntryKey; readonly found: Lookup }[] {
  return listKeys(cache)
    .map((key) => ({ key, found: lookUp(cache, key) }))
    .filter(({ found }) => found.kind !== "absent");
}

/** The keys of all entries that have a name in the cache, sorted; nothing is looked at. */
export function listKeys(cache: string): EntryKey[] {
  return CHECKSUM_TYPES.flatMap((type) =>
    namesIn(join(cache, type)).flatMap((name) => parseKey(`${type}:${name}`) ?? []),
  );
}

/** The time of a file as records have it. */
export function mtimeOf({ mtimeMs }: Stats): number {
  return Math.floor(mtimeMs);
}

/** Sorted; none for a directory that is not there. */
export function namesIn(path: string): string[] {
  try {
    return readdirSync(path).sort();
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return [];
    throw error;
  }
}

function differs(
  name: string,
  stats: Stats | undefined,
  { bytes, mtime }: { readonly bytes: number; readonly mtime: number },
): string | undefined {
  if (stats === undefined) return `its ${name} is gone`;
  if (!stats.isFile()) return `its ${name} is no file`;
  if (stats.size !== bytes) return `its ${name} has ${stats.size} bytes, expected ${bytes}`;
  return mtimeOf(stats) === mtime ? undefined : `its ${name} was written after it was fetched`;
}

const damaged = (why: string): Lookup => ({ kind: "damaged", why });

const identityOf = ({ dev, ino }: Stats): FileIdentity => ({ dev, ino });

const lookAt = (path: string): Stats | undefined => lstatSync(path, { throwIfNoEntry: false });
