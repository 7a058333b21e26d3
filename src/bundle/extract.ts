import {
  closeSync,
  constants,
  createReadStream,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { AppError, errnoOf, unreadable } from "../base/errors.ts";
import { bundleError } from "./failure.ts";
import { type Member, membersOf } from "./layout.ts";
import type { Manifest } from "./manifest.ts";
import { BundleReader, type Opening } from "./read.ts";

/** Where files of a bundle go; null leaves those of that kind in it. */
export interface Places {
  readonly jobs: string | null;
  readonly binaries: string | null;
}

/** A file that has its place. */
export interface Extracted {
  readonly kind: "job" | "binary";
  readonly path: string;
}

/** Reads the beginning of a bundle, which proves nothing yet. @throws AppError `invalid`, `not_found`. */
export async function openBundle(path: string): Promise<Opening> {
  const reader = new BundleReader(readFile(path));
  try {
    return await reader.open();
  } finally {
    await reader.close();
  }
}

/** The bytes of a file in pieces. @throws AppError `not_found`, `invalid`. */
export async function* readFile(path: string): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) yield chunk;
  } catch (error) {
    throw error instanceof AppError || errnoOf(error) === undefined ? error : unreadable(path, error);
  }
}

/** Files that are in the way of `extract`. */
export function findInTheWay(manifest: Manifest, places: Places): string[] {
  return membersOf(manifest)
    .flatMap((member) => placeOf(member, places) ?? [])
    .map(({ path }) => path)
    .filter((path) => existsSync(path));
}

/**
 * Writes job files and binaries of a bundle that somebody has proved; none gets its name before all of them are on the disk. What has
 * such a name is replaced.
 * @param digest of the manifest that was proved.
 * @throws AppError `invalid` when the file is not that bundle any more.
 */
export async function extract(path: string, digest: string, places: Places): Promise<Extracted[]> {
  const reader = new BundleReader(readFile(path));
  const parts: { readonly part: string; readonly file: Extracted }[] = [];
  let fd: number | null = null;
  try {
    const { manifest, digest: found } = await reader.open();
    if (found !== digest) throw bundleError(`${path} was replaced while it was loaded`, "load it again");
    await reader.readMembers(manifest, {
      wants: ({ kind }) => kind !== "artifact",
      begin: async (member) => {
        const file = placeOf(member, places);
        fd = file === undefined ? null : openPart(file, parts);
      },
      write: async (bytes) => {
        const to = fd;
        if (to === null) return;
        onDisk(() => {
          for (let done = 0; done < bytes.length; ) done += writeSync(to, bytes, done);
        });
      },
      end: async () => {
        const to = fd;
        if (to === null) return;
        onDisk(() => fsyncSync(to));
        closeSync(to);
        fd = null;
      },
    });
    for (const { part, file } of parts) onDisk(() => renameSync(part, file.path));
    return parts.map(({ file }) => file);
  } finally {
    if (fd !== null) closeSync(fd);
    for (const { part } of parts) rmSync(part, { force: true });
    await reader.close();
  }
}

function placeOf(member: Member, { jobs, binaries }: Places): Extracted | undefined {
  if (member.kind === "artifact") return undefined;
  const dir = member.kind === "job" ? jobs : binaries;
  return dir === null ? undefined : { kind: member.kind, path: join(dir, member.file) };
}

function openPart(file: Extracted, parts: { readonly part: string; readonly file: Extracted }[]): number {
  const at = file.path.lastIndexOf("/");
  const part = `${file.path.slice(0, at)}/.${file.path.slice(at + 1)}.part`;
  return onDisk(() => {
    mkdirSync(file.path.slice(0, at), { recursive: true });
    rmSync(part, { force: true });
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
    // A job file may hold secrets.
    const fd = openSync(part, flags, file.kind === "job" ? 0o600 : 0o755);
    parts.push({ part, file });
    return fd;
  });
}

function onDisk<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    const why = error instanceof Error ? error.message : "unknown error";
    throw new AppError("invalid", `the bundle is loaded, but its files could not be written: ${why}`, {
      hint: "load it again with other directories",
      cause: error,
    });
  }
}
