import { closeSync, constants, fchmodSync, lstatSync, mkdirSync, openSync, type Stats } from "node:fs";
import { AppError, errnoOf } from "../base/errors.ts";
import { procPath } from "../base/files.ts";

/** A directory held open, so that names in it mean the same directory even when somebody renames or replaces its path. */
export interface Folder {
  /** The path of a name in it, for the calls of node:fs. */
  at(name: string): string;
  readonly fd: number;
  close(): void;
}

/**
 * Opens a directory below `root`, making those that are missing unless told to refuse. No symbolic link below `root` is followed: a machine owns
 * its task directory and may have planted one.
 * @param names directories below it, outermost first.
 * @throws AppError `fetch` when one of them is something else than a directory or may not be entered.
 */
export function openFolder(root: string, names: readonly string[], missing: "make" | "refuse" = "make"): Folder {
  if (process.platform !== "linux") {
    throw new AppError("unsupported", `artifacts are fetched on Linux only, found ${process.platform}`);
  }
  let fd = openRoot(root);
  let path = root;
  for (const name of names) {
    path = `${path}/${name}`;
    const parent = fd;
    try {
      fd = openChild(inFolder(parent, name), path, missing);
    } finally {
      closeSync(parent);
    }
  }
  return { fd, at: (name) => inFolder(fd, name), close: () => closeSync(fd) };
}

/** What is there under a path, not following a link; undefined when nothing is. */
export function lookAt(path: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false });
}

/** What a file is, in a word for messages. */
export function kindOf(stats: Stats): string {
  if (stats.isFile()) return "file";
  if (stats.isDirectory()) return "directory";
  if (stats.isSymbolicLink()) return "symbolic link";
  return "special file";
}

// node:fs has no openat(2); the kernel resolves the magic link of /proc/self/fd to the open directory itself.
function inFolder(fd: number, name: string): string {
  return `${procPath(fd)}/${name}`;
}

function openRoot(root: string): number {
  try {
    return openSync(root, constants.O_RDONLY | constants.O_DIRECTORY);
  } catch (error) {
    throw folderError(root, error);
  }
}

function openChild(child: string, path: string, missing: "make" | "refuse"): number {
  const open = (): number => openSync(child, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    return open();
  } catch (error) {
    if (errnoOf(error) !== "ENOENT" || missing === "refuse") throw folderError(path, error, lookAt(child));
  }
  try {
    const made = makeDirectory(child);
    const fd = open();
    // The agent's umask may be stricter than what QEMU's user needs to get in.
    if (made) fchmodSync(fd, 0o755);
    return fd;
  } catch (error) {
    throw folderError(path, error, lookAt(child));
  }
}

/** @returns false when another download made it in the meantime. */
function makeDirectory(path: string): boolean {
  try {
    mkdirSync(path, 0o755);
    return true;
  } catch (error) {
    if (errnoOf(error) === "EEXIST") return false;
    throw error;
  }
}

function folderError(path: string, error: unknown, found?: Stats): AppError {
  if (found !== undefined && !found.isDirectory()) {
    return new AppError("fetch", `${path}: expected a directory, found a ${kindOf(found)}`, { cause: error });
  }
  return new AppError("fetch", `cannot open or make directory ${path}: ${errnoOf(error) ?? "unknown error"}`, {
    cause: error,
  });
}
