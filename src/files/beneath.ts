import { closeSync, constants, fstatSync, openSync, readlinkSync, type Stats } from "node:fs";
import { AppError, errnoOf } from "../base/errors.ts";
import { O_PATH, procPath } from "../base/files.ts";

/** Links that are followed on the way to one file; more of them are a loop. */
const MOST_LINKS = 16;
/** Characters of a path, as the kernel has it. */
const LONGEST = 4_096;

/** Something below a directory, held by a descriptor that can be looked at and opened anew, not read. */
export interface Found {
  readonly fd: number;
  readonly stats: Stats;
  /** Where it is below the directory, with every link on the way followed; empty for the directory itself. */
  readonly names: readonly string[];
  close(): void;
}

/**
 * Finds what a path means below a directory whose insides somebody hostile may own. Each name is opened in the directory that is held
 * open before it, and a link is never the kernel's to follow: its text is read and taken as a path of its own, so that nothing leads out,
 * whatever is renamed meanwhile. Nothing is opened for reading, so that no FIFO waits and no device is told.
 * @param root absolute; nobody hostile may own it.
 * @param path below it, with or without a `/` before it.
 * @throws AppError `invalid` for a path that leads out of the directory, `not_found` when there is nothing.
 */
export function findBeneath(root: string, path: string): Found {
  let names = cleanPath([], path, path);
  for (let links = 0; links <= MOST_LINKS; links++) {
    const found = walk(root, names, path);
    if (!Array.isArray(found)) return found;
    names = found;
  }
  throw new AppError("invalid", `${path}: more links on the way than are followed`);
}

/** @returns what is there, or the names to go on with where a link stands on the way. */
function walk(root: string, names: readonly string[], path: string): Found | string[] {
  let fd = open(root, path);
  let done = false;
  try {
    for (const [at, name] of names.entries()) {
      const place = `${procPath(fd)}/${name}`;
      const child = open(place, path);
      const stats = fstatSync(child);
      const target = stats.isSymbolicLink() ? readLink(place, path) : undefined;
      closeSync(fd);
      fd = child;
      if (target !== undefined) return followed(names, at, target, path);
      if (at < names.length - 1 && !stats.isDirectory()) throw missing(path, "not a directory");
    }
    done = true;
    const held = fd;
    return { fd, stats: fstatSync(fd), names, close: () => closeSync(held) };
  } finally {
    if (!done) closeSync(fd);
  }
}

function followed(names: readonly string[], at: number, target: string, path: string): string[] {
  if (target.startsWith("/")) throw escapes(path);
  return cleanPath(names.slice(0, at), [target, ...names.slice(at + 1)].join("/"), path);
}

/** The text of a link, or of another one that took its name meanwhile, which is no less a path of its own. */
function readLink(place: string, path: string): string {
  try {
    return readlinkSync(place);
  } catch (error) {
    throw missing(path, errnoOf(error) ?? "unknown error");
  }
}

function open(place: string, path: string): number {
  try {
    return openSync(place, O_PATH | constants.O_NOFOLLOW);
  } catch (error) {
    const code = errnoOf(error);
    throw missing(path, code === "ENOENT" ? "no such file or directory" : (code ?? "unknown error"));
  }
}

const missing = (path: string, why: string): AppError => new AppError("not_found", `${path}: ${why}`);

const escapes = (path: string): AppError =>
  new AppError("invalid", `Path escapes the alloc directory: ${path}`, {
    hint: "paths begin in the allocation's directory, such as alloc/logs",
  });

/** The names of a path that begins behind others. @throws AppError `invalid` for one that leads above the first of them. */
function cleanPath(before: readonly string[], path: string, asked: string): string[] {
  if (path.length > LONGEST || path.includes("\0")) throw new AppError("invalid", "that is no path");
  const names = [...before];
  for (const name of path.split("/")) {
    if (name === "" || name === ".") continue;
    if (name !== "..") names.push(name);
    else if (names.pop() === undefined) throw escapes(asked);
  }
  return names;
}
