import { closeSync, constants, fsyncSync, openSync, readdirSync, readlinkSync, readSync, renameSync } from "node:fs";
import { quoteName } from "../../archive/failure.ts";
import { AppError } from "../../base/errors.ts";
import { type Folder, kindOf, lookAt, openFolder } from "../folder.ts";
import type { ArtifactPlan } from "../plan.ts";
import type { UnpackPlan } from "./plan.ts";
import { type Part, WHOLE } from "./subdir.ts";

/** What gets its name when an archive is unpacked: entries whose directory is there already, and which are not there themselves. */
export interface Moves {
  readonly plan: ArtifactPlan;
  /** The names of the directory that all of it comes from, below the destination. */
  readonly base: readonly string[];
  readonly folders: readonly Arrivals[];
}

/** What comes into one directory. */
interface Arrivals {
  /** The names of its path in the archive. */
  readonly parents: readonly string[];
  readonly names: readonly string[];
}

/**
 * Compares what was unpacked with what is in the destination. Directories are shared. A file or link that is there already, the same
 * to the last byte, stays: an agent that was killed between two moves has brought it.
 * @param part what of it comes, all of it unless told.
 * @throws AppError for anything else that stands in the way: an archive's names are not the job's, so they replace nothing.
 */
export function planMoves(plan: ArtifactPlan, { stagingName }: UnpackPlan, part: Part = WHOLE): Moves {
  const base = [stagingName, ...part.parents];
  const folders: Arrivals[] = [];
  const visit = (parents: readonly string[]): void =>
    inBoth(plan, base, parents, (from, to) => {
      const names: string[] = [];
      for (const name of parents.length === 0 && part.name !== null ? [part.name] : readdirSync(from.at("."))) {
        const entry = [...parents, name];
        const there = lookAt(to.at(name));
        if (there === undefined) names.push(name);
        else if (there.isDirectory() && lookAt(from.at(name))?.isDirectory() === true) visit(entry);
        else if (!isSame(from.at(name), to.at(name))) throw inTheWay(entry, kindOf(there));
      }
      if (names.length > 0) folders.push({ parents, names });
    });
  visit([]);
  return { plan, base, folders };
}

/** Gives each its name. @throws what a rename throws, after those that were done are undone. */
export function publishMoves({ plan, base, folders }: Moves): void {
  const done: { readonly parents: readonly string[]; readonly name: string }[] = [];
  try {
    for (const { parents, names } of folders) {
      inBoth(plan, base, parents, (from, to) => {
        for (const name of names) {
          renameSync(from.at(name), to.at(name));
          done.push({ parents, name });
        }
        fsyncSync(to.fd);
      });
    }
  } catch (error) {
    for (const { parents, name } of done.reverse()) {
      inBoth(plan, base, parents, (from, to) => renameSync(to.at(name), from.at(name)));
    }
    throw error;
  }
}

function inBoth(
  { target }: ArtifactPlan,
  base: readonly string[],
  parents: readonly string[],
  work: (from: Folder, to: Folder) => void,
): void {
  const to = openFolder(target.root, [...target.folders, ...parents]);
  try {
    const from = openFolder(target.root, [...target.folders, ...base, ...parents]);
    try {
      work(from, to);
    } finally {
      from.close();
    }
  } finally {
    to.close();
  }
}

function isSame(path: string, other: string): boolean {
  const [a, b] = [lookAt(path), lookAt(other)];
  if (a?.isSymbolicLink() === true && b?.isSymbolicLink() === true) return readlinkSync(path) === readlinkSync(other);
  return a?.isFile() === true && b?.isFile() === true && a.size === b.size && holdsSame(path, other);
}

const CHUNK = 1 << 20;

function holdsSame(path: string, other: string): boolean {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const files = [path, other].map((name) => ({ fd: openSync(name, flags), buffer: Buffer.alloc(CHUNK) }));
  try {
    for (;;) {
      const [mine, theirs] = files.map(({ fd, buffer }) => buffer.subarray(0, readSync(fd, buffer, 0, CHUNK, null)));
      if (mine === undefined || theirs === undefined || !mine.equals(theirs)) return false;
      if (mine.length === 0) return true;
    }
  } finally {
    for (const { fd } of files) closeSync(fd);
  }
}

function inTheWay(entry: readonly string[], kind: string): AppError {
  return new AppError("fetch", `entry ${quoteName(entry.join("/"))}: a ${kind} is there already, and not the same`, {
    hint: "an archive replaces nothing; unpack it into a directory of its own, by destination",
  });
}
