import type { CatalogEntry } from "./catalog.ts";
import type { Damaged } from "./remove.ts";

/** What may go. Nothing that is in use goes by any rule. */
export interface PruneRule {
  /** What was not used for so many milliseconds goes; null for no limit. */
  readonly maxAge: number | null;
  /** Bytes on the disk that all entries together may take; null for no limit. */
  readonly maxBytes: number | null;
}

export type PruneReason = "age" | "size" | "damaged";

export interface Pruned {
  readonly entry: CatalogEntry;
  readonly reason: PruneReason;
}

/**
 * Chooses what goes: what is damaged (it would be fetched again), what was not used for too long, and then what was not used for the
 * longest time until the rest fits. What is in use counts for the size.
 * @param now milliseconds since 1970.
 */
export function choosePruned(entries: readonly CatalogEntry[], rule: PruneRule, now: number): Pruned[] {
  const chosen: Pruned[] = [];
  const free: { readonly entry: CatalogEntry; readonly bytes: number; readonly usedAt: number }[] = [];
  let total = 0;
  for (const entry of entries) {
    if (entry.found.kind === "damaged") {
      chosen.push({ entry, reason: "damaged" });
      continue;
    }
    const { pins, allocated, usedAt } = entry.found.entry;
    total += allocated;
    if (pins === 0) free.push({ entry, bytes: allocated, usedAt });
  }
  for (const { entry, bytes, usedAt } of free.toSorted((a, b) => a.usedAt - b.usedAt)) {
    const old = rule.maxAge !== null && now - usedAt >= rule.maxAge;
    const crowded = rule.maxBytes !== null && total > rule.maxBytes;
    if (!old && !crowded) continue;
    chosen.push({ entry, reason: old ? "age" : "size" });
    total -= bytes;
  }
  return chosen;
}

/** What was set aside so long ago that it goes; by size nothing of it does. */
export function chooseSetAside(all: readonly Damaged[], { maxAge }: PruneRule, now: number): Damaged[] {
  return maxAge === null ? [] : all.filter(({ since }) => now - since >= maxAge);
}
