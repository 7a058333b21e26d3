import {
  closeSync,
  constants,
  fchmodSync,
  fdatasync,
  fstatSync,
  fsync,
  ftruncateSync,
  openSync,
  readSync,
  renameSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { promisify } from "node:util";
import { monotonicMillis } from "../../base/clock.ts";
import { AppError, errnoOf } from "../../base/errors.ts";
import { type Folder, lookAt } from "../folder.ts";
import type { Sink } from "./sink.ts";

/** A file that grows under a name of its own until it is proved. */
export interface PartFile extends Sink {
  readonly bytes: number;
  /** Reads from the beginning; for a file that was taken up again. @returns bytes read, 0 at the end. */
  read(buffer: Uint8Array, position: number): number;
  /** Writes bytes further on, behind a gap; they count once `advance` says so. A checkpoint that this begins speaks of them. */
  ahead(chunk: Uint8Array, position: number): void;
  /** Says that the next `count` bytes are there. */
  advance(count: number): void;
  /** Drops what was written ahead and is not counted. */
  trim(): void;
  /** Drops all bytes. */
  clear(): Promise<void>;
  /** Brings what was written to the disk. @throws system errors, also those of writing back earlier chunks. */
  sync(): Promise<void>;
  /** Gives the file its name, replacing what had it, in one step. */
  publish(): void;
  /** Closes; removes the part file unless it was published. */
  close(): Promise<void>;
  /** Closes and leaves the part file for a later try. */
  leave(): Promise<void>;
}

/** The name under which a file grows until it is proved. */
export function partName(fileName: string): string {
  return `${fileName}.part`;
}

/**
 * Called when bytes begin to be written back; what it returns is called once they are on the disk, and not at all when that fails.
 */
export type Checkpoint = () => () => void;

/** Writing back starts each time that this much came, so that the last sync has little left to do (measured: 0.5 s of 3 s a GiB). */
export const WRITEBACK_BYTES = 32 << 20;

/** And after so long, when bytes come slowly: what a killed agent may lose of them. */
const WRITEBACK_MILLIS = 1000;

/**
 * A new file `<name>.part` of mode 0644. One that a killed agent left behind is replaced.
 *
 * Writes are synchronous: in a Worker of its own they hold up nobody, they are faster than the thread pool's (measured, 64 KiB
 * chunks), and no chunk can pile up in memory behind a slow disk.
 * @throws system errors.
 */
export function createPartFile(folder: Folder, fileName: string, checkpoint?: Checkpoint): PartFile {
  return usePartFile(folder, fileName, openNew(folder, fileName), 0, checkpoint);
}

function openNew(folder: Folder, fileName: string, mode = 0o644): number {
  removePart(folder, fileName);
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  return openSync(folder.at(partName(fileName)), flags, mode);
}

/**
 * Writes a small file as `<name>.part`, which nobody else may read, and gives it its name once it is whole. Not on disk before somebody
 * syncs it.
 * @param settle gives the open file its owner and mode; when it throws, nothing is left.
 * @throws system errors.
 */
export function publishText(folder: Folder, fileName: string, text: string, settle: (fd: number) => void): void {
  const fd = openNew(folder, fileName, 0o600);
  let published = false;
  try {
    writeFileSync(fd, text);
    settle(fd);
    renameSync(folder.at(partName(fileName)), folder.at(fileName));
    published = true;
  } finally {
    closeSync(fd);
    if (!published) removePart(folder, fileName);
  }
}

/**
 * A new file of mode 0644 that is written as `<name>.part` and gets its name once it is proved and on the disk.
 * @param write writes to the descriptor and proves what it wrote; when it throws, nothing is left.
 * @throws system errors; the signal's reason when it aborts.
 */
export async function publishWhole<T>(
  folder: Folder,
  fileName: string,
  signal: AbortSignal,
  write: (fd: number) => Promise<T>,
): Promise<T> {
  const fd = openNew(folder, fileName);
  let published = false;
  try {
    const written = await write(fd);
    fchmodSync(fd, 0o644);
    await fsyncAsync(fd);
    signal.throwIfAborted();
    renameSync(folder.at(partName(fileName)), folder.at(fileName));
    published = true;
    return written;
  } finally {
    closeSync(fd);
    if (!published) removePart(folder, fileName);
  }
}

/**
 * Opens a part file that an earlier try left. Only a plain file of our own that has no second name: a
 * machine may own the directory and put anything there.
 * @param lengths `bytes` count, up to `end` there may be others; what is behind that is cut off.
 * @returns undefined when there is none such, or it has fewer than `bytes`.
 */
export function reopenPartFile(
  folder: Folder,
  fileName: string,
  { bytes, end }: { readonly bytes: number; readonly end: number },
  checkpoint?: Checkpoint,
): PartFile | undefined {
  let fd: number;
  try {
    const flags = constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK;
    fd = openSync(folder.at(partName(fileName)), flags);
  } catch {
    return undefined;
  }
  try {
    const found = fstatSync(fd);
    if (found.isFile() && found.nlink === 1 && found.uid === process.geteuid?.() && found.size >= bytes) {
      ftruncateSync(fd, Math.min(found.size, end));
      return usePartFile(folder, fileName, fd, bytes, checkpoint);
    }
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  closeSync(fd);
  return undefined;
}

function usePartFile(folder: Folder, fileName: string, fd: number, start: number, checkpoint?: Checkpoint): PartFile {
  const part = folder.at(partName(fileName));
  const writeback = createWriteback(fd, checkpoint);
  let bytes = start;
  let published = false;
  const isStillOurs = (): boolean => lookAt(part)?.ino === fstatSync(fd).ino;
  // The descriptor's number must not be given to another file while a sync is under way.
  const closeFd = async (): Promise<void> => {
    await writeback.settle().catch(() => undefined);
    closeSync(fd);
  };
  const writeAt = (chunk: Uint8Array, position: number): void => {
    for (let written = 0; written < chunk.length; ) {
      written += writeSync(fd, chunk, written, chunk.length - written, position + written);
    }
  };
  return {
    get bytes() {
      return bytes;
    },
    read: (buffer, position) => readSync(fd, buffer, 0, buffer.length, position),
    write(chunk) {
      writeAt(chunk, bytes);
      bytes += chunk.length;
      writeback.add(chunk.length);
    },
    ahead(chunk, position) {
      writeAt(chunk, position);
      writeback.add(chunk.length);
    },
    advance(count) {
      bytes += count;
    },
    trim: () => ftruncateSync(fd, bytes),
    async clear() {
      await writeback.settle();
      ftruncateSync(fd, 0);
      bytes = 0;
    },
    async sync() {
      fchmodSync(fd, 0o644);
      await writeback.settle();
      await fsyncAsync(fd);
    },
    publish() {
      if (!isStillOurs()) throw new AppError("fetch", `${partName(fileName)} was replaced while it was written`);
      renameSync(part, folder.at(fileName));
      published = true;
    },
    async close() {
      if (!published && isStillOurs()) unlinkSync(part);
      await closeFd();
    },
    leave: closeFd,
  };
}

const fsyncAsync = promisify(fsync);
const fdatasyncAsync = promisify(fdatasync);

/** Syncs in the background, one at a time. The kernel tells an error of writing back once, so it is kept for `settle`. */
function createWriteback(fd: number, checkpoint: Checkpoint = () => () => undefined) {
  let waiting = 0;
  let startedAt = monotonicMillis();
  let running = false;
  let last: Promise<unknown> = Promise.resolve();
  return {
    add(bytes: number): void {
      waiting += bytes;
      if (running || (waiting < WRITEBACK_BYTES && monotonicMillis() - startedAt < WRITEBACK_MILLIS)) return;
      waiting = 0;
      startedAt = monotonicMillis();
      running = true;
      const onDisk = checkpoint();
      last = last.then(() => fdatasyncAsync(fd)).then(onDisk);
      last.then(
        () => {
          running = false;
        },
        // Stays "running": no further sync could take the error back.
        () => undefined,
      );
    },
    async settle(): Promise<void> {
      await last;
    },
  };
}

/** Removes a part file; none is fine. Never follows a link: the link itself goes. */
export function removePart(folder: Folder, fileName: string): void {
  try {
    unlinkSync(folder.at(partName(fileName)));
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw error;
  }
}
