import { closeSync, fchmodSync, fsync, futimesSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { promisify } from "node:util";
import { AppError } from "../base/errors.ts";
import { collectGarbage } from "../runtime/memory.ts";
import type { ArchiveFile } from "./archive-file.ts";
import { decompress } from "./decompress.ts";
import { asExtents, type Entry } from "./entry.ts";
import { archiveError, entryError } from "./failure.ts";
import type { ArchiveFormat } from "./formats.ts";
import { type Budget, createBudget, type Limits } from "./limits.ts";
import { checkSymlink, splitName } from "./names.ts";
import { createRoomWatch, type RoomWatch } from "./room-watch.ts";
import { endSparse, writeSparse } from "./sparse-file.ts";
import { readTar } from "./tar/tar.ts";
import { createTree, type Tree } from "./tree.ts";
import { readZip } from "./zip/zip.ts";

export interface UnpackRequest {
  readonly file: ArchiveFile;
  readonly format: ArchiveFormat;
  /** A new, empty directory, open. */
  readonly rootFd: number;
  /** The name of what a file without a container becomes. */
  readonly singleName: string;
  /** A name that no entry may have in its path. */
  readonly agentName: string;
  readonly limits: Limits;
}

export interface Unpacked {
  /** Regular files, each by the names of its path; hard links count again. */
  readonly files: number;
  /** The first of them. */
  readonly firstFile: readonly string[] | null;
  /** Length of all of them, with their holes. */
  readonly bytes: number;
}

/** What is being written, and what it costs so far. */
interface Work {
  readonly request: UnpackRequest;
  readonly tree: Tree;
  readonly budget: Budget;
  readonly room: RoomWatch;
  files: number;
  firstFile: readonly string[] | null;
  bytes: number;
}

/**
 * Unpacks an archive into an empty directory. Memory does not grow with it: a chunk is written before the next one is unpacked.
 * @throws AppError for an archive that is damaged, ends early, is empty, passes a limit, or has an entry that is refused; system errors
 * of the disk; aborts of the file's signal. What was written until then stays, for the caller to remove.
 */
export async function unpack(request: UnpackRequest): Promise<Unpacked> {
  const budget = createBudget(request.limits, request.file.size);
  const room = createRoomWatch(request.rootFd);
  const tree = createTree(request.rootFd, () => {
    budget.entry();
    room.entry();
  });
  const work: Work = { request, tree, budget, room, files: 0, firstFile: null, bytes: 0 };
  let entries = 0;
  for await (const entry of entriesOf(request, budget)) {
    entries++;
    await addEntry(work, entry);
  }
  if (entries === 0)
    throw archiveError("the archive is empty", "put files into it, or archive = false keeps it as it is");
  return { files: work.files, firstFile: work.firstFile, bytes: work.bytes };
}

async function* entriesOf({ file, format, singleName, limits }: UnpackRequest, budget: Budget): AsyncGenerator<Entry> {
  if (format.container === "zip") {
    yield* readZip(file, limits.entries);
    return;
  }
  const chunks = metered(decompress(file, format.compression), budget, file.signal);
  if (format.container === "tar") yield* readTar(chunks);
  else
    yield { name: singleName, kind: "file", mode: 0o644, mtime: null, size: -1, link: "", content: asExtents(chunks) };
}

/**
 * After so many bytes the collector is called, which does not see what chunks hold outside of its heap, and a cancellation is let in:
 * a few kB of bz2 or xz, read at once, become gigabytes without a turn of the event loop.
 */
const PAUSE_BYTES = 16 << 20;

async function* metered(
  chunks: AsyncIterable<Uint8Array>,
  budget: Budget,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  let unpaused = 0;
  for await (const chunk of chunks) {
    budget.bytes(chunk.length);
    yield chunk;
    unpaused += chunk.length;
    if (unpaused < PAUSE_BYTES) continue;
    unpaused = 0;
    collectGarbage();
    await setImmediate();
    signal.throwIfAborted();
  }
}

async function addEntry(work: Work, entry: Entry): Promise<void> {
  const { tree, budget, room, request } = work;
  request.file.signal.throwIfAborted();
  const parts = splitName(entry.name, request.agentName);
  if (parts.length === 0) {
    if (entry.kind === "directory") return;
    throw entryError(entry.name, "a name that only a directory can have");
  }
  if (entry.kind !== "directory" && entry.name.endsWith("/"))
    throw entryError(entry.name, `a ${entry.kind} with the name of a directory`);
  if (entry.kind === "directory") {
    tree.directory(entry.name, parts);
    return;
  }
  budget.entry();
  room.entry();
  if (entry.kind === "symlink") {
    checkSymlink(entry.name, parts, entry.link);
    tree.symlink(entry.name, parts, entry.link);
    return;
  }
  if (entry.kind === "hardlink") tree.hardlink(entry.name, parts, splitLink(work, entry));
  else await addFile(work, entry, parts);
  work.files++;
  work.firstFile ??= parts;
}

function splitLink({ request }: Work, entry: Entry): readonly string[] {
  try {
    return splitName(entry.link, request.agentName);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    throw entryError(entry.name, `a hard link to ${error.message}`, error.hint);
  }
}

const fsyncAsync = promisify(fsync);

/** Setuid, setgid and sticky. */
const SPECIAL = 0o7000;

async function addFile(work: Work, entry: Entry, parts: readonly string[]): Promise<void> {
  const { tree, budget, room, request } = work;
  if ((entry.mode & SPECIAL) !== 0) {
    throw entryError(
      entry.name,
      "a file with a setuid, setgid or sticky bit",
      "clear it with chmod before making the archive",
    );
  }
  const isMetered = request.format.container !== "zip";
  if (entry.size > 0) budget.length(entry.size);
  const fd = tree.file(entry.name, parts);
  let synced: Promise<void> = Promise.resolve();
  try {
    let end = 0;
    let unsynced = 0;
    for await (const { offset, bytes } of entry.content) {
      if (!isMetered) budget.bytes(bytes.length);
      if (entry.size === -1) budget.length(bytes.length);
      room.bytes(bytes.length);
      writeSparse(fd, bytes, offset);
      end = offset + bytes.length;
      unsynced += bytes.length;
      if (unsynced < SYNC_BYTES) continue;
      unsynced = 0;
      // What comes meanwhile is the next one's.
      await synced;
      synced = fsyncAsync(fd);
      synced.catch(() => undefined);
      request.file.signal.throwIfAborted();
    }
    await synced;
    const length = Math.max(end, entry.size);
    endSparse(fd, length);
    // Whoever runs the machine must be able to read it; more than that and "may be run" an archive does not decide.
    fchmodSync(fd, (entry.mode & 0o100) === 0 ? 0o644 : 0o755);
    if (entry.mtime !== null) setTime(fd, Math.min(Math.max(entry.mtime, 0), LAST_TIME));
    await fsyncAsync(fd);
    work.bytes += length;
  } finally {
    // The descriptor's number must not be given to another file while a sync is under way.
    await synced.catch(() => undefined);
    closeSync(fd);
  }
}

/** In the year 2242; later ones do not fit every file system, and those before 1970 not every runtime. */
const LAST_TIME = 2 ** 33;

const setTime = (fd: number, time: number): void => futimesSync(fd, time, time);

/** A file is brought to the disk each time that this much came: one sync of gigabytes at its end would hear no cancellation for minutes. */
const SYNC_BYTES = 32 << 20;
