import { releaseBytes } from "../../runtime/memory.ts";
import type { ArchiveFile } from "../archive-file.ts";
import { truncated } from "../failure.ts";
import { RANGE_SLACK } from "./lzma-range.ts";

/** Bytes of one read, and the most that can be asked for at once: more than a chunk of LZMA2 has. */
const CHUNK = 256 << 10;

/** An xz file, read from its beginning through one buffer. */
export class XzInput {
  readonly #file: ArchiveFile;
  /** What was read lies in it from `at` on; the slack behind it is for the range decoder. */
  readonly bytes = new Uint8Array(CHUNK + RANGE_SLACK);
  /** Of the next byte that nobody took. */
  at = 0;
  /** Behind the last one that was read. */
  #end = 0;
  #read = 0;

  constructor(file: ArchiveFile) {
    this.#file = file;
  }

  /** Bytes of the file that were taken. */
  get taken(): number {
    return this.#read - (this.#end - this.at);
  }

  /** Bytes that can be taken without reading. */
  get held(): number {
    return this.#end - this.at;
  }

  /** Reads until so many bytes are held, or all that are left. @param count 256 KiB at most. */
  async load(count: number): Promise<void> {
    if (this.held >= count) return;
    this.#file.signal.throwIfAborted();
    this.bytes.copyWithin(0, this.at, this.#end);
    this.#end = this.held;
    this.at = 0;
    while (this.#end < count) {
      const { bytesRead } = await this.#file.handle.read(this.bytes, this.#end, CHUNK - this.#end, this.#read);
      if (bytesRead === 0) return;
      this.#end += bytesRead;
      this.#read += bytesRead;
    }
  }

  /** The same for bytes that must be there. @throws AppError when they are not. */
  async need(count: number): Promise<void> {
    if (this.held < count) await this.load(count);
    if (this.held < count) throw truncated("the xz file");
  }

  /** Takes bytes that are there. They are gone when more is read. @throws AppError when they are not. */
  async take(count: number): Promise<Buffer> {
    await this.need(count);
    const { buffer, byteOffset } = this.bytes.subarray(this.at);
    this.at += count;
    return Buffer.from(buffer, byteOffset, count);
  }

  /** Gives its memory back; nothing can be read then. */
  release(): void {
    releaseBytes(this.bytes);
  }
}
