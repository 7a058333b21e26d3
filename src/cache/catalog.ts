import { type Entry, type Lookup, listEntries, lookUp } from "./entry.ts";
import type { EntryKey } from "./key.ts";
import { findUsers, type Pinned } from "./users.ts";

/** Where the cache and those who may use it are, absolute. */
export interface CachePlace {
  readonly cache: string;
  /** The directory of all allocations. */
  readonly allocs: string;
}

/** An entry, sound or damaged, with who uses it. */
export interface CatalogEntry {
  readonly key: EntryKey;
  readonly found: Exclude<Lookup, { readonly kind: "absent" }>;
  /** Ids of the allocations that have another name of its files. There may be names outside of them, too: see `pins`. */
  readonly usedBy: readonly string[];
}

/** Every entry of the cache, sorted by key. @throws system errors. */
export async function listCatalog({ cache, allocs }: CachePlace): Promise<CatalogEntry[]> {
  return await addUsers(allocs, listEntries(cache));
}

/** One entry; undefined when there is none. @throws system errors. */
export async function findInCatalog({ cache, allocs }: CachePlace, key: EntryKey): Promise<CatalogEntry | undefined> {
  const [entry] = await addUsers(allocs, [{ key, found: lookUp(cache, key) }]);
  return entry;
}

async function addUsers(
  allocs: string,
  entries: readonly { readonly key: EntryKey; readonly found: Lookup }[],
): Promise<CatalogEntry[]> {
  const pinned = entries.map(({ found }) => (found.kind === "there" ? pinsOf(found.entry) : { files: [], names: 0 }));
  const users = await findUsers(allocs, pinned);
  return entries.flatMap(({ key, found }, at) =>
    found.kind === "absent" ? [] : [{ key, found, usedBy: users[at] ?? [] }],
  );
}

function pinsOf({ content, unpacked, pins }: Entry): Pinned {
  return { files: unpacked === null ? [content] : [content, unpacked], names: pins };
}
