import { createHash, type Hash } from "node:crypto";
import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  fsync,
  openSync,
  renameSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { promisify } from "node:util";
import { AppError, errnoOf } from "../base/errors.ts";
import type { Checksum, ChecksumType } from "./checksum.ts";
import { type Folder, lookAt } from "./folder.ts";

/** Takes the bytes of a source, each chunk written out before the next one is asked for. */
export interface Sink {
  write(chunk: Uint8Array): void;
}

export interface HashSink extends Sink {
  /** To be asked once, after the last chunk. */
  digest(): Checksum;
}

/** A sink that keeps nothing but the hash of what went through. */
export function createHashSink(type: ChecksumType): HashSink {
  const hash: Hash = createHash(type);
  return {
    write: (chunk) => {
      hash.update(chunk);
    },
    digest: () => ({ type, hex: hash.digest("hex") }),
  };
}

export interface PartFile extends Sink {
  /** Brings what was written to the disk. @throws system errors, also those of writing back earlier chunks. */
  sync(): Promise<void>;
  /** Gives the file its name, replacing what had it, in one step. */
  publish(): void;
  /** Closes; removes the part file unless it was published. */
  close(): Promise<void>;
}

/** The name under which a file grows until it is proved. */
export function partName(fileName: string): string {
  return `${fileName}.part`;
}

/** Writing back starts each time that this much came, so that the last sync has little left to do (measured: 0.5 s of 3 s a GiB). */
const WRITEBACK_BYTES = 32 << 20;

/**
 * A new file `<name>.part` of mode 0644. One that a killed agent left behind is replaced.
 *
 * Writes are synchronous: in a Worker of its own they hold up nobody, they are faster than the thread pool's (measured, 64 KiB
 * chunks), and no chunk can pile up in memory behind a slow disk.
 * @throws system errors.
 */
export function createPartFile(folder: Folder, fileName: string): PartFile {
  const part = folder.at(partName(fileName));
  removePart(folder, fileName);
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  const fd = openSync(part, flags, 0o644);
  const writeback = createWriteback(fd);
  let published = false;
  const isStillOurs = (): boolean => lookAt(part)?.ino === fstatSync(fd).ino;
  return {
    write(chunk) {
      for (let written = 0; written < chunk.length; ) written += writeSync(fd, chunk, written);
      writeback.add(chunk.length);
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
      // The descriptor's number must not be given to another file while a sync is under way.
      await writeback.settle().catch(() => undefined);
      closeSync(fd);
    },
  };
}

const fsyncAsync = promisify(fsync);

/** Syncs in the background, one at a time. The kernel tells an error of writing back once, so it is kept for `settle`. */
function createWriteback(fd: number): { add(bytes: number): void; settle(): Promise<void> } {
  let waiting = 0;
  let running = false;
  let last: Promise<unknown> = Promise.resolve();
  return {
    add(bytes) {
      waiting += bytes;
      if (running || waiting < WRITEBACK_BYTES) return;
      waiting = 0;
      running = true;
      last = last.then(() => fsyncAsync(fd));
      last.then(
        () => {
          running = false;
        },
        // Stays "running": no further sync could take the error back.
        () => undefined,
      );
    },
    async settle() {
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
