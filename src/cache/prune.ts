import type { Lookup } from "./entry.ts";
import type { EntryKey } from "./key.ts";
import type { SetAside } from "./remove.ts";

/** What may go. Nothing that is in use goes by any rule. */
export interface PruneRule {
  /** What was not used for so many milliseconds goes; null for no limit. */
  readonly maxAge: number | null;
  /** Bytes on the disk that all together may take; null for no limit. */
  readonly maxBytes: number | null;
}

export type PruneReason = "age" | "size" | "damaged";

/** An entry, as far as it matters for what goes. */
export interface PrunableEntry {
  readonly key: EntryKey;
  readonly found: Exclude<Lookup, { readonly kind: "absent" }>;
}

export interface Chosen<E extends PrunableEntry> {
  readonly entries: readonly { readonly entry: E; readonly reason: PruneReason }[];
  readonly setAside: readonly SetAside[];
}

/**
 * Chooses what goes, by command as by the hour: what is damaged (it would be fetched again), what was set aside or not used for too long,
 * and then, until the rest fits, what was set aside and what was not used for the longest time. What is in use counts for the size.
 * @param now milliseconds since 1970.
 */
export function choosePruned<E extends PrunableEntry>(
  all: { readonly entries: readonly E[]; readonly setAside: readonly SetAside[] },
  rule: PruneRule,
  now: number,
): Chosen<E> {
  if (rule.maxAge === null && rule.maxBytes === null) return { entries: [], setAside: [] };
  const entries: { entry: E; reason: PruneReason }[] = [];
  const free: { readonly entry: E; readonly bytes: number; readonly usedAt: number }[] = [];
  let total = all.setAside.reduce((sum, { allocated }) => sum + allocated, 0);
  for (const entry of all.entries) {
    if (entry.found.kind === "damaged") {
      entries.push({ entry, reason: "damaged" });
      continue;
    }
    const { pins, allocated, usedAt } = entry.found.entry;
    total += allocated;
    if (pins === 0) free.push({ entry, bytes: allocated, usedAt });
  }
  const reasonFor = (time: number, bytes: number): "age" | "size" | undefined => {
    const old = rule.maxAge !== null && now - time >= rule.maxAge;
    const crowded = rule.maxBytes !== null && total > rule.maxBytes;
    if (!old && !crowded) return undefined;
    total -= bytes;
    return old ? "age" : "size";
  };
  const setAside = all.setAside
    .toSorted((a, b) => a.since - b.since)
    .filter(({ since, allocated }) => reasonFor(since, allocated) !== undefined);
  for (const { entry, bytes, usedAt } of free.toSorted((a, b) => a.usedAt - b.usedAt)) {
    const reason = reasonFor(usedAt, bytes);
    if (reason !== undefined) entries.push({ entry, reason });
  }
  return { entries, setAside };
}
