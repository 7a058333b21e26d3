import { rmSync } from "node:fs";
import { type Entry, listEntries } from "./entry.ts";
import { listDamaged, removeEntrySync } from "./remove.ts";

/** The entries that may go, the one whose last use is longest ago first. */
export function evictable(cache: string): Entry[] {
  return listEntries(cache)
    .flatMap(({ found }) => (found.kind === "there" && found.entry.pins === 0 ? [found.entry] : []))
    .sort((a, b) => a.usedAt - b.usedAt);
}

/**
 * Removes entries that are not in use until so many bytes are free that were not. Where all of them would not be enough, none goes:
 * they would be missed for nothing. Blocks on the disk, so it runs in a Worker.
 * @param missing bytes; Infinity takes all.
 * @returns how many entries went.
 * @throws system errors.
 */
export function makeRoom(cache: string, missing: number): number {
  // Nobody can use these any more.
  for (const { path } of listDamaged(cache)) rmSync(path, { recursive: true, force: true });
  const entries = evictable(cache);
  const most = entries.reduce((sum, { allocated }) => sum + allocated, 0);
  if (Number.isFinite(missing) && most < missing) return 0;
  let [freed, removed] = [0, 0];
  for (const { key, allocated } of entries) {
    if (freed >= missing) break;
    if (removeEntrySync(cache, key) !== "removed") continue;
    freed += allocated;
    removed++;
  }
  return removed;
}
