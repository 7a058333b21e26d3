/** Reads bits, the highest of a byte first, out of bytes that are appended from time to time. */
export class BitReader {
  readonly #atEnd: () => Error;
  #bytes: Uint8Array = new Uint8Array(0);
  #at = 0;
  /** The lowest `#count` bits are read from the bytes and not yet asked for. */
  #held = 0;
  #count = 0;

  /** @param atEnd makes what is thrown when there are too few bits. */
  constructor(atEnd: () => Error) {
    this.#atEnd = atEnd;
  }

  append(chunks: readonly Uint8Array[]): void {
    this.#bytes = Buffer.concat([this.#bytes.subarray(this.#at), ...chunks]);
    this.#at = 0;
  }

  /** Whole bytes that nobody has asked for. */
  bytesLeft(): number {
    return this.#bytes.length - this.#at + (this.#count >> 3);
  }

  isAtEnd(): boolean {
    return this.bytesLeft() === 0;
  }

  /** @param count 0 to 24. */
  read(count: number): number {
    while (this.#count < count) {
      const byte = this.#bytes[this.#at];
      if (byte === undefined) throw this.#atEnd();
      this.#at++;
      this.#held = ((this.#held << 8) | byte) & 0x7fffffff;
      this.#count += 8;
    }
    this.#count -= count;
    return (this.#held >>> this.#count) & ((1 << count) - 1);
  }

  /** The next 20 bits, zeros where there are no more, without taking them. */
  peek20(): number {
    while (this.#count < 20 && this.#at < this.#bytes.length) {
      this.#held = ((this.#held << 8) | (this.#bytes[this.#at++] ?? 0)) & 0x7fffffff;
      this.#count += 8;
    }
    const bits = this.#count >= 20 ? this.#held >>> (this.#count - 20) : this.#held << (20 - this.#count);
    return bits & 0xfffff;
  }

  /** Takes bits that `peek20` has shown. */
  skip(count: number): void {
    if (count > this.#count) throw this.#atEnd();
    this.#count -= count;
  }

  alignToByte(): void {
    this.#count -= this.#count % 8;
  }
}
