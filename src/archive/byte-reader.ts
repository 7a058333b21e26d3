import { truncated } from "./failure.ts";

/** Takes bytes out of a stream of chunks in the lengths that a format has. */
export class ByteReader {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #held: Uint8Array = new Uint8Array(0);

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /** At most `length` bytes, without a copy; undefined at the end of the stream. */
  async some(length: number): Promise<Uint8Array | undefined> {
    while (this.#held.length === 0) {
      const { done, value } = await this.#chunks.next();
      if (done === true) return undefined;
      this.#held = value;
    }
    const bytes = this.#held.subarray(0, length);
    this.#held = this.#held.subarray(bytes.length);
    return bytes;
  }

  /** Exactly `length` bytes; undefined when the stream is at its end. @throws AppError when it ends within them. */
  async exactly(length: number): Promise<Buffer | undefined> {
    const bytes = Buffer.alloc(length);
    for (let done = 0; done < length; ) {
      const some = await this.some(length - done);
      if (some === undefined && done === 0) return undefined;
      if (some === undefined) throw truncated("the tar archive");
      bytes.set(some, done);
      done += some.length;
    }
    return bytes;
  }

  /** The next `length` bytes as they come. @throws AppError when the stream ends within them. */
  async *take(length: number): AsyncGenerator<Uint8Array> {
    for (let left = length; left > 0; ) {
      const some = await this.some(left);
      if (some === undefined) throw truncated("the tar archive");
      left -= some.length;
      yield some;
    }
  }

  /** Lets go of the stream. */
  async close(): Promise<void> {
    await this.#chunks.return?.();
  }
}
