import { closeSync, constants, fchmodSync, linkSync, lstatSync, mkdirSync, openSync, symlinkSync } from "node:fs";
import { type AppError, errnoOf } from "../base/errors.ts";
import { procPath } from "../base/files.ts";
import { entryError, quoteName } from "./failure.ts";

/**
 * The directory that an archive is unpacked into, new and held open. Each name is reached from there one directory at a time, and no
 * link is followed, so that no entry can be written through another one.
 */
export interface Tree {
  directory(entry: string, parts: readonly string[]): void;
  /** Makes a file that was not there. @returns its descriptor, to be closed by the caller. */
  file(entry: string, parts: readonly string[]): number;
  symlink(entry: string, parts: readonly string[], target: string): void;
  /** A second name for a file that the archive has brought already. */
  hardlink(entry: string, parts: readonly string[], target: readonly string[]): void;
}

/** @param onDirectory called for each directory that is made, before it is. */
export function createTree(rootFd: number, onDirectory: () => void): Tree {
  const open = (entry: string, parent: number, name: string): number => {
    const path = inside(parent, name);
    const found = lstatSync(path, { throwIfNoEntry: false });
    if (found !== undefined && !found.isDirectory()) throw notDirectory(entry, name);
    if (found === undefined) {
      onDirectory();
      mkdirSync(path, 0o755);
    }
    const fd = openSync(path, DIRECTORY);
    // The agent's umask may be stricter than what QEMU's user needs to get in.
    if (found === undefined) fchmodSync(fd, 0o755);
    return fd;
  };
  const within = <T>(entry: string, parts: readonly string[], work: (path: string) => T): T =>
    walk(
      rootFd,
      parts.slice(0, -1),
      (parent, name) => open(entry, parent, name),
      (parent) => work(inside(parent, parts.at(-1) ?? ".")),
    );
  return {
    directory: (entry, parts) =>
      walk(
        rootFd,
        parts,
        (parent, name) => open(entry, parent, name),
        () => undefined,
      ),
    file: (entry, parts) => within(entry, parts, (path) => once(entry, () => openSync(path, NEW_FILE, 0o644))),
    symlink: (entry, parts, target) => within(entry, parts, (path) => once(entry, () => symlinkSync(target, path))),
    hardlink: (entry, parts, target) => {
      const enter = (parent: number, name: string): number => {
        if (lstatSync(inside(parent, name), { throwIfNoEntry: false })?.isDirectory() !== true) throw noTarget(entry);
        return openSync(inside(parent, name), DIRECTORY);
      };
      walk(rootFd, target.slice(0, -1), enter, (parent) => {
        const source = inside(parent, target.at(-1) ?? ".");
        if (lstatSync(source, { throwIfNoEntry: false })?.isFile() !== true) throw noTarget(entry);
        within(entry, parts, (path) => once(entry, () => linkSync(source, path)));
      });
    },
  };
}

const NEW_FILE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
const DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/** Opens one directory after the other, holding two at the most, and gives the last one to `work`. */
function walk<T>(
  rootFd: number,
  names: readonly string[],
  open: (parent: number, name: string) => number,
  work: (fd: number) => T,
): T {
  let fd = rootFd;
  try {
    for (const name of names) {
      const parent = fd;
      fd = open(parent, name);
      if (parent !== rootFd) closeSync(parent);
    }
    return work(fd);
  } finally {
    if (fd !== rootFd) closeSync(fd);
  }
}

// node:fs has no openat(2); the kernel resolves the magic link of /proc/self/fd to the open directory itself.
function inside(fd: number, name: string): string {
  return `${procPath(fd)}/${name}`;
}

function once<T>(entry: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (errnoOf(error) !== "EEXIST") throw error;
    throw entryError(entry, "the archive has it twice");
  }
}

function notDirectory(entry: string, name: string): AppError {
  return entryError(entry, `${quoteName(name)} in its way is another entry of the archive, and no directory`);
}

function noTarget(entry: string): AppError {
  return entryError(entry, "a hard link to what is no file of the archive before it");
}
