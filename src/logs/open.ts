import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { errnoOf } from "../base/errors.ts";
import { lstat } from "./files.ts";

/** Largest piece handed on at once; Nomad's frames have this size. */
const CHUNK = 64 << 10;

/** One file of a log that is read, held open so that it can be read to its end after it was removed. */
export class OpenLog {
  readonly #path: string;
  #fd: number;
  #offset: number;

  private constructor(path: string, fd: number, offset: number) {
    this.#path = path;
    this.#fd = fd;
    this.#offset = offset;
  }

  /** Null when there is no regular file any more. */
  static open(path: string, offset: number): OpenLog | null {
    const fd = openRegular(path);
    return fd === null ? null : new OpenLog(path, fd, offset);
  }

  /** Where the next piece begins in the file, in bytes. */
  get offset(): number {
    return this.#offset;
  }

  /**
   * The next piece; empty at the end of now.
   * @param limit where the file ends for this reader, in bytes.
   */
  read(limit: number): Uint8Array {
    this.#follow();
    const wanted = Math.min(CHUNK, limit - this.#offset);
    if (wanted <= 0) return new Uint8Array();
    const data = Buffer.alloc(wanted);
    const count = readSync(this.#fd, data, 0, wanted, this.#offset);
    this.#offset += count;
    return data.subarray(0, count);
  }

  close(): void {
    closeSync(this.#fd);
  }

  /** A log that was cut behind our back goes on from its new start; one that was copied and truncated, in its copy. */
  #follow(): void {
    const stat = fstatSync(this.#fd);
    const named = lstat(this.#path);
    if (named === undefined || (named.ino === stat.ino && named.dev === stat.dev)) {
      if (stat.size < this.#offset) this.#offset = 0;
      return;
    }
    const fd = openRegular(this.#path);
    if (fd === null) return;
    closeSync(this.#fd);
    this.#fd = fd;
  }
}

function openRegular(path: string): number | null {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    // Removed, or a hostile machine's: neither keeps a reader from what else there is.
    if (["ENOENT", "ELOOP", "ENXIO", "EACCES"].includes(errnoOf(error) ?? "")) return null;
    throw error;
  }
  if (fstatSync(fd).isFile()) return fd;
  closeSync(fd);
  return null;
}
