import { closeSync, constants, type Dirent, lstatSync, openSync } from "node:fs";
import { opendir } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { errnoOf } from "../base/errors.ts";
import { procPath } from "../base/files.ts";
import type { FileIdentity } from "./entry.ts";

/** No directory tree of an allocation that is ours goes deeper. */
const MOST_LEVELS = 64;

/** Names that are looked at in one allocation: what an archive may bring, and room for everything else. */
const MOST_NAMES = 200_000;

/** Names that are looked at in a row: a few milliseconds in which the agent does nothing else. */
const NAMES_A_TURN = 512;

/** One string for each file, whatever its names. */
export const identityText = ({ dev, ino }: FileIdentity): string => `${dev}:${ino}`;

/** Files that are one thing to whoever asks, such as those of one entry. */
export interface Pinned {
  readonly files: readonly FileIdentity[];
  /** Names that they have outside of the cache, together. */
  readonly names: number;
}

/**
 * Finds which allocations have other names of files of the cache. Their directories are the machines' to write: no link in them is
 * followed, of one with more names than any of ours only a part is looked at, and what cannot be opened is passed over.
 * @param allocs the directory of all allocations.
 * @returns for each of `wanted` the ids of its allocations, sorted.
 */
export async function findUsers(allocs: string, wanted: readonly Pinned[]): Promise<string[][]> {
  const found = wanted.map(({ names }) => ({ left: names, users: new Set<string>() }));
  const byFile = new Map(
    wanted.flatMap(({ files }, at) => files.map((file) => [identityText(file), found[at]] as const)),
  );
  const done = (): boolean => found.every(({ left }) => left <= 0);
  if (!done()) {
    for await (const { name } of list(allocs)) {
      const note = (file: FileIdentity): void => {
        const group = byFile.get(identityText(file));
        if (group === undefined) return;
        group.left--;
        group.users.add(name);
      };
      await walk(join(allocs, name), { note, done, names: 0 }, MOST_LEVELS);
      if (done()) break;
    }
  }
  return found.map(({ users }) => [...users].sort());
}

interface Search {
  readonly note: (file: FileIdentity) => void;
  readonly done: () => boolean;
  names: number;
}

/** @param path its last component is not followed when it is a link; what stands before it cannot be changed by a machine. */
async function walk(path: string, search: Search, levels: number): Promise<void> {
  const fd = openDirectory(path);
  if (fd === undefined) return;
  try {
    for await (const entry of list(procPath(fd))) {
      if (search.done() || ++search.names > MOST_NAMES) return;
      if (search.names % NAMES_A_TURN === 0) await setImmediate();
      // By the descriptor: a directory on the way here may be a link by now.
      const place = `${procPath(fd)}/${entry.name}`;
      if (entry.isDirectory() && levels > 0) await walk(place, search, levels - 1);
      else if (entry.isFile()) noteFile(place, search);
    }
  } finally {
    closeSync(fd);
  }
}

function noteFile(path: string, { note }: Search): void {
  try {
    const stats = lstatSync(path);
    if (stats.nlink > 1) note(stats);
  } catch (error) {
    passOver(error);
  }
}

function openDirectory(path: string): number | undefined {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  } catch (error) {
    return passOver(error);
  }
}

/** One by one: a directory may have more names than there is memory for. */
async function* list(path: string): AsyncGenerator<Dirent> {
  try {
    yield* await opendir(path);
  } catch (error) {
    passOver(error);
  }
}

/** What cannot be looked at hides a user, which the count of names still tells; no machine may make the whole list fail. */
function passOver(error: unknown): undefined {
  if (errnoOf(error) === undefined) throw error;
}
