import { type Entry, lookUp } from "../cache/entry.ts";
import { type EntryKey, filesOf, formatKey } from "../cache/key.ts";
import { setAside } from "../cache/remove.ts";
import { hashFile } from "./destination.ts";

/** Told in a sentence about an entry that was set aside. */
export type OnDamaged = (message: string) => void;

/** The entry, if it is sound as far as that can be seen; one that is not is set aside. @throws system errors. */
export function findSound(cache: string, key: EntryKey, onDamaged: OnDamaged): Entry | undefined {
  const found = lookUp(cache, key);
  if (found.kind === "there") return found.entry;
  if (found.kind === "damaged") putAside(cache, key, found.why, onDamaged);
  return undefined;
}

/**
 * Reads all of an entry, and sets it aside when its bytes are not those that it is named after.
 * @returns whether they were not.
 * @throws system errors, the signal's reason.
 */
export async function findDamage(
  cache: string,
  key: EntryKey,
  signal: AbortSignal,
  onDamaged: OnDamaged,
): Promise<boolean> {
  const { hex } = await hashFile(filesOf(cache, key).content, key.type, signal);
  if (hex === key.hex) return false;
  putAside(cache, key, `its content has ${key.type}:${hex}`, onDamaged);
  return true;
}

function putAside(cache: string, key: EntryKey, why: string, onDamaged: OnDamaged): void {
  const path = setAside(cache, key);
  if (path !== undefined) onDamaged(`the cache's entry ${formatKey(key)} is damaged (${why}) and was set aside`);
}
