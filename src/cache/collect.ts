import { lstatSync, rmSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { cachePlaces, repositoriesDir } from "../paths.ts";
import { listKeys, lookUp, namesIn } from "./entry.ts";
import { choosePruned, type PrunableEntry, type PruneRule } from "./prune.ts";
import { touchRecord } from "./record.ts";
import { listSetAside, removeDamaged, removeEntry } from "./remove.ts";
import { readSource, removeSource } from "./source.ts";

/** How large and how old a cache may become. */
export interface CacheLimits {
  /** Bytes on the disk; 0 sets no limit. */
  readonly maxBytes: number;
  /** Milliseconds since an entry was last used; 0 sets no limit. */
  readonly maxAgeMillis: number;
}

const ruleOf = ({ maxBytes, maxAgeMillis }: CacheLimits): PruneRule => ({
  maxBytes: maxBytes > 0 ? maxBytes : null,
  maxAge: maxAgeMillis > 0 ? maxAgeMillis : null,
});

export interface Collected {
  /** Entries that went, damaged ones among them. */
  readonly entries: number;
  /** What that freed, in bytes. */
  readonly bytes: number;
}

/**
 * Removes what is over the limits, by the rule of `choosePruned`. What is in use stays, and counts as used now.
 * @param now milliseconds since 1970.
 * @throws system errors.
 */
export async function collectCache(cache: string, limits: CacheLimits, now = Date.now()): Promise<Collected> {
  const collected = { entries: 0, bytes: 0 };
  const count = (allocated: number): void => {
    collected.entries++;
    collected.bytes += allocated;
  };
  const all = await listAll(cache);
  for (const { found } of all) {
    if (found.kind === "there" && found.entry.pins > 0) touchRecord(found.entry.files.record, now);
  }
  const chosen = choosePruned({ entries: all, setAside: listSetAside(cache) }, ruleOf(limits), now);
  for (const each of chosen.setAside) {
    await removeDamaged(each);
    count(each.allocated);
  }
  for (const { entry } of chosen.entries) {
    if ((await removeEntry(cache, entry.key)) !== "removed") continue;
    count(entry.found.kind === "there" ? entry.found.entry.allocated : 0);
  }
  dropSources(cache);
  await dropForgotten(cache, now);
  return collected;
}

/** Removes what only an agent that was killed can have left. To be called before anything is fetched. @throws system errors. */
export function sweepCache(cache: string): void {
  const { parts } = cachePlaces(cache);
  for (const name of namesIn(parts)) {
    if (!DOWNLOAD.test(name)) rmSync(join(parts, name), { recursive: true, force: true });
  }
  rmSync(repositoriesDir(cache), { recursive: true, force: true });
}

/** A download that may go on: its file, or the file that was whole when the agent was killed. */
const DOWNLOAD = /^[0-9a-f]{32}(\.part)?$/;
const JOURNAL = /^\.[0-9a-f]{16}\.download$/;

/** A download that nobody took up for so long is not going on any more. */
const FORGOTTEN_MILLIS = 7 * 24 * 3_600_000;

/** So many entries are looked at in one turn of the event loop: each takes 0.1 ms. */
const AT_ONCE = 20;

async function listAll(cache: string): Promise<PrunableEntry[]> {
  const entries: PrunableEntry[] = [];
  for (const [index, key] of listKeys(cache).entries()) {
    if (index % AT_ONCE === AT_ONCE - 1) await setImmediate();
    const found = lookUp(cache, key);
    if (found.kind !== "absent") entries.push({ key, found });
  }
  return entries;
}

async function dropForgotten(cache: string, now: number): Promise<void> {
  const { parts } = cachePlaces(cache);
  const names = [
    // A pin is as old as the file that it is another name of.
    ...namesIn(parts)
      .filter((name) => DOWNLOAD.test(name))
      .map((name) => join(parts, name)),
    ...namesIn(cache)
      .filter((name) => JOURNAL.test(name))
      .map((name) => join(cache, name)),
  ];
  for (const path of names) {
    const touched = lstatSync(path, { throwIfNoEntry: false })?.mtimeMs ?? now;
    if (now - touched > FORGOTTEN_MILLIS) await rm(path, { recursive: true, force: true });
  }
}

function dropSources(cache: string): void {
  for (const name of namesIn(cachePlaces(cache).sources)) {
    const request = name.replace(/\.json$/, "");
    const source = readSource(cache, request);
    if (source === undefined || lookUp(cache, source.key).kind === "absent") removeSource(cache, request);
  }
}
