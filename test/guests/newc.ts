import { closeSync, openSync, readSync, statSync, writeSync } from "node:fs";
import { dirname } from "node:path";

/** A file of a guest: its text, or the file here that it is a copy of. */
export type GuestFile = string | { readonly copyOf: string };

const FILE = 0o100000;
const DIRECTORY = 0o040000;
const CHUNK = 1 << 20;

/**
 * Appends a cpio archive (`newc`, what Linux takes for an initramfs) with these files and their directories to an open file. All is
 * root's; a text that begins with `#!` may be run, and a copy has its modes.
 * @param files by their absolute paths in the guest.
 */
export function appendArchive(fd: number, files: Readonly<Record<string, GuestFile>>): void {
  const known = new Set<string>(["/"]);
  for (const [path, file] of Object.entries(files)) {
    for (const parent of parentsOf(path)) {
      if (!known.has(parent)) writeHeader(fd, parent, DIRECTORY | 0o755, 0);
      known.add(parent);
    }
    if (typeof file === "string") writeText(fd, path, file);
    else writeCopy(fd, path, file.copyOf);
  }
  writeHeader(fd, "/TRAILER!!!", 0, 0);
}

/** The directories that lead to a path, the outermost first. */
function parentsOf(path: string): string[] {
  // Such a directory would take the place of the link that stands there.
  if (/^\/(bin|sbin|lib|lib64|var\/run)\//.test(path))
    throw new Error(`${path} leads through a link; name it below /usr or /run`);
  const parent = dirname(path);
  return parent === "/" ? [] : [...parentsOf(parent), parent];
}

function writeText(fd: number, path: string, text: string): void {
  const bytes = Buffer.from(text);
  writeHeader(fd, path, FILE | (text.startsWith("#!") ? 0o755 : 0o644), bytes.length);
  writeSync(fd, bytes);
  writePadding(fd, bytes.length);
}

function writeCopy(fd: number, path: string, from: string): void {
  const { mode, size } = statSync(from);
  writeHeader(fd, path, FILE | (mode & 0o777), size);
  const source = openSync(from, "r");
  try {
    const buffer = Buffer.alloc(CHUNK);
    for (let count = readSync(source, buffer); count > 0; count = readSync(source, buffer)) {
      writeSync(fd, buffer, 0, count);
    }
  } finally {
    closeSync(source);
  }
  writePadding(fd, size);
}

let inode = 0;

function writeHeader(fd: number, path: string, mode: number, size: number): void {
  const name = `${path.slice(1)}\0`;
  // inode, mode, uid, gid, links, mtime, size, device, its minor, rdev, its minor, length of the name, checksum
  const fields = [++inode, mode, 0, 0, 1, 0, size, 0, 0, 0, 0, Buffer.byteLength(name), 0];
  const head = `070701${fields.map((field) => field.toString(16).padStart(8, "0")).join("")}${name}`;
  writeSync(fd, head);
  writePadding(fd, Buffer.byteLength(head));
}

/** Header with name, and content, each begin at a multiple of four. */
function writePadding(fd: number, length: number): void {
  writeSync(fd, Buffer.alloc((4 - (length % 4)) % 4));
}
