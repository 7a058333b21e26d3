import { lstatSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { errnoOf } from "../base/errors.ts";
import { newId } from "../base/ids.ts";
import { cachePlaces } from "../paths.ts";
import { lookUp, namesIn } from "./entry.ts";
import { type EntryKey, filesOf, keyName } from "./key.ts";

/** Makes the cache's own directories where they are missing; nobody but the agent may enter. @throws system errors. */
export function makeCache(cache: string): void {
  const { parts, sources, damaged } = cachePlaces(cache);
  for (const path of [cache, parts, sources, damaged]) mkdirSync(path, { recursive: true, mode: 0o700 });
}

export type Removal = "removed" | "in use" | "absent";

/**
 * Removes an entry that nothing else has a name of, sound or damaged. Its name goes in one step, so an agent that is killed meanwhile
 * leaves no half of it; the bytes go afterwards, without holding up the event loop.
 * @throws system errors.
 */
export async function removeEntry(cache: string, key: EntryKey): Promise<Removal> {
  const out = takeOut(cache, key);
  if (out.path !== null) await rm(out.path, { recursive: true, force: true });
  return out.removal;
}

/** The same for a Worker, which nobody waits for. */
export function removeEntrySync(cache: string, key: EntryKey): Removal {
  const out = takeOut(cache, key);
  if (out.path !== null) rmSync(out.path, { recursive: true, force: true });
  return out.removal;
}

/**
 * Puts an entry that is not what it should be where nobody takes it for good; machines that use it keep it under their own names.
 * @returns where it is now; undefined when it was gone.
 * @throws system errors.
 */
export function setAside(cache: string, key: EntryKey, now = Date.now()): string | undefined {
  makeCache(cache);
  const path = join(cachePlaces(cache).damaged, `${key.type}-${keyName(key)}.${now}`);
  return renameIfThere(filesOf(cache, key).dir, path) ? path : undefined;
}

/** An entry that was set aside. */
export interface Damaged {
  readonly path: string;
  /** `type-hex`, with `-request` where that belongs to it. */
  readonly name: string;
  /** Milliseconds since 1970. */
  readonly since: number;
}

export function listDamaged(cache: string): Damaged[] {
  const { damaged } = cachePlaces(cache);
  return namesIn(damaged).map((file) => {
    const [, name = file, since = "0"] = /^(.*)\.(\d{1,15})$/.exec(file) ?? [];
    return { path: join(damaged, file), name, since: Number(since) };
  });
}

/** An entry that was set aside, with what it takes. */
export interface SetAside extends Damaged {
  /** Bytes on the disk. */
  readonly allocated: number;
}

/** @throws system errors. */
export const listSetAside = (cache: string): SetAside[] =>
  listDamaged(cache).map((each) => ({ ...each, allocated: allocatedIn(each.path) }));

function allocatedIn(dir: string): number {
  const stats = lstatSync(dir, { throwIfNoEntry: false });
  if (stats === undefined) return 0;
  if (!stats.isDirectory()) return stats.blocks * 512;
  return readdirSync(dir).reduce((sum, name) => sum + allocatedIn(join(dir, name)), 0);
}

/** @throws system errors. */
export async function removeDamaged({ path }: Damaged): Promise<void> {
  await rm(path, { recursive: true, force: true });
}

/** What `takeOut` calls an entry that is going. */
const GONE_SUFFIX = ".gone";

function takeOut(cache: string, key: EntryKey): { readonly removal: Removal; readonly path: string | null } {
  const found = lookUp(cache, key);
  if (found.kind === "absent") return { removal: "absent", path: null };
  // Removing it would free nothing, and the next machine would fetch it again.
  if (found.kind === "there" && found.entry.pins > 0) return { removal: "in use", path: null };
  makeCache(cache);
  const path = join(cachePlaces(cache).parts, `${newId()}${GONE_SUFFIX}`);
  return renameIfThere(filesOf(cache, key).dir, path)
    ? { removal: "removed", path }
    : { removal: "absent", path: null };
}

function renameIfThere(from: string, to: string): boolean {
  try {
    renameSync(from, to);
    return true;
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return false;
    throw error;
  }
}
