import { releaseBytes } from "../../runtime/memory.ts";
import { xzDamaged } from "./failure.ts";
import type { XzInput } from "./input.ts";
import { LzmaDecoder } from "./lzma.ts";

/** Bytes that come out at once, and the shortest window. */
const PIECE = 256 << 10;

/** What a chunk must begin anew because none before it has. */
type Missing = "dictionary" | "properties" | "nothing";

/** Decodes the chunks of LZMA2, one block after the other, in a window that is made once. */
export class Lzma2Decoder {
  #lzma = new LzmaDecoder(0);
  #missing: Missing = "dictionary";
  /** Of the chunk: bytes that have not come out, and, when it is compressed, where it ends in the input. */
  #left = 0;
  #end: number | undefined;

  /** Begins a block. @param dictionary length in bytes. */
  begin(dictionary: number): void {
    const window = Math.max(PIECE, dictionary);
    if (window > this.#lzma.window.length) {
      this.release();
      this.#lzma = new LzmaDecoder(window);
    }
    this.#lzma.setDictionary(dictionary);
    this.#missing = "dictionary";
    this.#left = 0;
  }

  /**
   * What comes out next, 256 KiB where there is as much; undefined at the end of the block. It lies in the window, and is there until the
   * next is asked for.
   * @throws AppError for damaged data and an input that ends.
   */
  async next(input: XzInput): Promise<Uint8Array | undefined> {
    const lzma = this.#lzma;
    const { length } = lzma.window;
    if (lzma.at === length) lzma.at = 0;
    let from = lzma.at;
    while (lzma.at - from < PIECE && lzma.at < length) {
      if (this.#left === 0) {
        await input.need(1);
        // A new dictionary begins where these bytes may lie.
        if (lzma.at > from && isBreak(input.bytes[input.at] ?? 0)) break;
        if (!(await this.#startChunk(input))) return undefined;
        if (lzma.at < from) from = lzma.at;
      }
      await this.#goOn(input, Math.min(this.#left, PIECE - (lzma.at - from), length - lzma.at));
    }
    return lzma.window.subarray(from, lzma.at);
  }

  async #goOn(input: XzInput, count: number): Promise<void> {
    const lzma = this.#lzma;
    this.#left -= count;
    if (this.#end === undefined) lzma.store(await input.take(count));
    else {
      lzma.decode(lzma.at + count, this.#end);
      if (this.#left > 0) return;
      if (!lzma.finish() || lzma.readTo !== this.#end) throw xzDamaged("the end of a chunk");
      input.at = this.#end;
    }
  }

  /** @returns whether there is one. */
  async #startChunk(input: XzInput): Promise<boolean> {
    await input.need(1);
    const control = input.bytes[input.at++] ?? 0;
    if (control === 0) return false;
    if (isBreak(control)) {
      this.#lzma.resetDictionary();
      this.#missing = "properties";
    }
    if (this.#missing === "dictionary" || (control > 2 && control < 0x80)) throw xzDamaged("the kind of a chunk");
    if (control < 0x80) {
      this.#left = (await input.take(2)).readUInt16BE(0) + 1;
      this.#end = undefined;
    } else await this.#startLzma(input, control);
    return true;
  }

  async #startLzma(input: XzInput, control: number): Promise<void> {
    const lzma = this.#lzma;
    const header = await input.take(control >= 0xc0 ? 5 : 4);
    this.#left = ((control & 0x1f) << 16) + header.readUInt16BE(0) + 1;
    const packed = header.readUInt16BE(2) + 1;
    if (control >= 0xc0) {
      if (!lzma.setProperties(header.readUInt8(4))) throw xzDamaged("the properties of a chunk");
      this.#missing = "nothing";
    }
    if (this.#missing === "properties") throw xzDamaged("a chunk without properties");
    if (control >= 0xa0) lzma.resetState();
    // The whole of it, so that decoding never waits for the disk.
    await input.need(packed);
    this.#end = input.at + packed;
    if (!lzma.start(input.bytes, input.at)) throw xzDamaged("the beginning of a chunk");
  }

  /** Gives its memory back; also that of what came out last. */
  release(): void {
    releaseBytes(this.#lzma.window);
  }
}

/** Whether a chunk is the end of a block, or begins with a new dictionary. */
function isBreak(control: number): boolean {
  return control <= 1 || control >= 0xe0;
}
