import { closeSync, constants, openSync, read, type Stats } from "node:fs";
import { lstat, readdir } from "node:fs/promises";
import { AppError, errnoOf } from "../base/errors.ts";
import { procPath } from "../base/files.ts";
import { type Found, findBeneath } from "./beneath.ts";

/** What is known of a file without reading it whole. */
export interface FileInfo {
  readonly name: string;
  /** Mode with the kind of the file, as stat has it. */
  readonly mode: number;
  /** Bytes; of what is no regular file whatever stat says. */
  readonly size: number;
  /** Milliseconds since 1970. */
  readonly modifyTime: number;
  /** By its first bytes; undefined when nobody looked, and for what is no regular file. */
  readonly contentType?: string | undefined;
}

/** Names of one directory that are looked at; more are no list for a reply. */
const MOST_NAMES = 20_000;
/** Names that are looked at side by side. */
const SIDE_BY_SIDE = 32;
/** Bytes that a file's type is guessed by, as in Go. */
const TYPE_BYTES = 512;

/** Looks at a file or directory below another. @throws AppError as `findBeneath` does. */
export async function statBeneath(root: string, path: string): Promise<FileInfo> {
  const found = findBeneath(root, path);
  try {
    const name = path.split("/").findLast((part) => part !== "" && part !== ".") ?? "/";
    const { stats } = found;
    return { ...infoOf(name, stats), ...(stats.isFile() ? { contentType: await guessType(found) } : {}) };
  } finally {
    found.close();
  }
}

/**
 * The names in a directory, sorted; those that went meanwhile are left out.
 * @throws AppError as `findBeneath` does, `invalid` for what is no directory or has too many names.
 */
export async function listBeneath(root: string, path: string): Promise<FileInfo[]> {
  const found = findBeneath(root, path);
  try {
    if (!found.stats.isDirectory()) throw new AppError("invalid", `${path}: not a directory`);
    const place = procPath(found.fd);
    // With a slash: the link itself is no directory.
    const names = (await readdir(`${place}/`)).sort();
    if (names.length > MOST_NAMES) {
      throw new AppError("invalid", `${path}: has ${names.length} names, and a list at most ${MOST_NAMES}`, {
        hint: "look at it on the host",
      });
    }
    const list: FileInfo[] = [];
    for (let at = 0; at < names.length; at += SIDE_BY_SIDE) {
      const some = names.slice(at, at + SIDE_BY_SIDE).map((name) => lookAt(place, name));
      list.push(...(await Promise.all(some)).flatMap((info) => info ?? []));
    }
    return list;
  } finally {
    found.close();
  }
}

async function lookAt(place: string, name: string): Promise<FileInfo | undefined> {
  try {
    return infoOf(name, await lstat(`${place}/${name}`));
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

function infoOf(name: string, { mode, size, mtimeMs }: Stats): FileInfo {
  return { name, mode, size, modifyTime: mtimeMs };
}

/** Opens the file itself for reading. @throws AppError `invalid` for what is no regular file. */
export function openFound({ fd, stats }: Found, path: string): number {
  if (stats.isDirectory()) throw new AppError("invalid", `file "${path}" is a directory`);
  if (!stats.isFile()) throw new AppError("invalid", `file "${path}" is not a regular file`);
  return openSync(procPath(fd), constants.O_RDONLY | constants.O_NONBLOCK);
}

/** Reads a piece of an open file beside this thread: a disk may be slow. @returns less at the end of the file. */
export function readPiece(fd: number, offset: number, length: number): Promise<Uint8Array> {
  const buffer = Buffer.allocUnsafe(length);
  return new Promise((resolve, reject) => {
    read(fd, buffer, 0, length, offset, (error, count) => (error ? reject(error) : resolve(buffer.subarray(0, count))));
  });
}

async function guessType(found: Found): Promise<string> {
  const fd = openFound(found, "");
  try {
    const head = await readPiece(fd, 0, TYPE_BYTES);
    return head.some(isBinary) ? "application/octet-stream" : "text/plain; charset=utf-8";
  } finally {
    closeSync(fd);
  }
}

/** Bytes that no text has, by the WHATWG's MIME sniffing. */
const isBinary = (byte: number): boolean =>
  byte <= 0x08 || byte === 0x0b || (byte >= 0x0e && byte <= 0x1a) || (byte >= 0x1c && byte <= 0x1f);
