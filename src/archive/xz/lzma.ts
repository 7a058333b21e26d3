import { xzDamaged } from "./failure.ts";
import { RangeDecoder } from "./lzma-range.ts";

/** Where the likelihoods of each kind of bit begin; trees at even places. */
const IS_MATCH = 0;
const IS_REP = 192;
const IS_REP_0 = 204;
const IS_REP_1 = 216;
const IS_REP_2 = 228;
const IS_LONG_REP = 240;
const SLOT = 432;
const SPECIAL = 688;
const ALIGN = 816;
const LENGTH = 832;
const REP_LENGTH = 1346;
const LITERAL = 1860;
const COUNT = LITERAL + (0x300 << 4);

/** Of the lengths: two bits that choose, two times 16 trees of 3 bits, one of 8 bits. */
const LOW = 2;
const MIDDLE = LOW + 128;
const HIGH = MIDDLE + 128;

/** The state after a byte, by the state before it; below 7 the last symbol was a byte. */
const AFTER_BYTE = Uint8Array.of(0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 4, 5);

/**
 * Decodes LZMA into a window, which is a ring of the last bytes that came out: what is beyond the dictionary's length there is not
 * referred to.
 */
export class LzmaDecoder {
  readonly #range = new RangeDecoder(COUNT);
  readonly window: Uint8Array;
  #dictionary = 0;
  /** Where in the window the next byte goes. */
  at = 0;
  /** Bytes since the last reset, as far as they are in the window. */
  #full = 0;
  #state = 0;
  #rep0 = 0;
  #rep1 = 0;
  #rep2 = 0;
  #rep3 = 0;
  /** What of the last match there was no room for. */
  #pending = 0;
  #positionMask = 0;
  #literalContext = 0;
  #literalMask = 0;

  /** @param window its length in bytes, a multiple of 16. */
  constructor(window: number) {
    this.window = new Uint8Array(window);
  }

  /** How far back a match may reach. @param bytes at most the length of the window. */
  setDictionary(bytes: number): void {
    this.#dictionary = bytes;
  }

  /** Forgets all that came out. */
  resetDictionary(): void {
    this.at = 0;
    this.#full = 0;
  }

  /** Forgets what was learned of the data. */
  resetState(): void {
    this.#range.reset();
    this.#state = 0;
    this.#rep0 = this.#rep1 = this.#rep2 = this.#rep3 = 0;
    this.#pending = 0;
  }

  /** @param properties as the format packs them: pb, lp and lc. @returns whether they are allowed. */
  setProperties(properties: number): boolean {
    const contextBits = properties % 9;
    const rest = Math.floor(properties / 9);
    const positionBits = rest % 5;
    if (rest >= 25 || contextBits + positionBits > 4) return false;
    this.#literalContext = contextBits;
    this.#literalMask = (1 << positionBits) - 1;
    this.#positionMask = (1 << Math.floor(rest / 5)) - 1;
    return true;
  }

  /** Begins with the bytes of a chunk. @returns whether they can begin so. */
  start(input: Uint8Array, at: number): boolean {
    return this.#range.start(input, at);
  }

  /** Where the chunk's bytes are read. */
  get readTo(): number {
    return this.#range.at;
  }

  /** @returns whether a chunk that has come out ended as it should. */
  finish(): boolean {
    return this.#pending === 0 && this.#range.finish();
  }

  /** Puts bytes into the window as they are. @param bytes no more than there is room for up to its end. */
  store(bytes: Uint8Array): void {
    this.window.set(bytes, this.at);
    this.#advance(bytes.length);
  }

  #advance(count: number): void {
    this.at += count;
    this.#full = Math.min(this.#dictionary, this.#full + count);
  }

  /** Decodes until `at` is `limit`. @param end where the chunk's bytes end. @throws AppError for damaged data. */
  decode(limit: number, end: number): void {
    const range = this.#range;
    const window = this.window;
    const begin = this.at;
    const full = this.#full;
    const fullest = this.#dictionary;
    let at = begin;
    if (this.#pending > 0) at = this.#copy(at, this.#pending, limit);
    let previous = full + at - begin > 0 ? (window[(at === 0 ? window.length : at) - 1] ?? 0) : 0;
    while (at < limit) {
      if (range.at > end) throw xzDamaged("a chunk that ends too early");
      const positionState = at & this.#positionMask;
      const state = this.#state;
      if (range.bit(IS_MATCH + state * 16 + positionState) === 0) {
        const context = ((at & this.#literalMask) << this.#literalContext) + (previous >>> (8 - this.#literalContext));
        const base = LITERAL + context * 0x300;
        if (state < 7) previous = range.tree(base, 0x100) & 0xff;
        else {
          const from = at - this.#rep0 - 1;
          previous = range.byteUnlike(base, window[from < 0 ? from + window.length : from] ?? 0);
        }
        this.#state = AFTER_BYTE[state] ?? 0;
        window[at++] = previous;
        continue;
      }
      const length = range.bit(IS_REP + state) === 0 ? this.#match(positionState) : this.#repeat(positionState);
      if (this.#rep0 >= Math.min(fullest, full + at - begin)) throw xzDamaged("a distance");
      at = this.#copy(at, length, limit);
      previous = window[at - 1] ?? 0;
    }
    this.#advance(limit - begin);
  }

  #match(positionState: number): number {
    const range = this.#range;
    this.#rep3 = this.#rep2;
    this.#rep2 = this.#rep1;
    this.#rep1 = this.#rep0;
    this.#state = this.#state < 7 ? 7 : 10;
    const length = this.#length(LENGTH, positionState);
    const slot = range.tree(SLOT + Math.min(length - 2, 3) * 64, 64) - 64;
    if (slot < 4) {
      this.#rep0 = slot;
      return length;
    }
    const bits = (slot >>> 1) - 1;
    const high = (2 | (slot & 1)) << bits;
    if (slot < 14) this.#rep0 = high + range.reverseTree(SPECIAL + high - slot, bits);
    else this.#rep0 = (high + (range.direct(bits - 4) << 4) + range.reverseTree(ALIGN, 4)) >>> 0;
    return length;
  }

  #repeat(positionState: number): number {
    const range = this.#range;
    const state = this.#state;
    if (range.bit(IS_REP_0 + state) === 0) {
      if (range.bit(IS_LONG_REP + state * 16 + positionState) === 0) {
        this.#state = state < 7 ? 9 : 11;
        return 1;
      }
    } else {
      let distance = this.#rep1;
      if (range.bit(IS_REP_1 + state) === 1) {
        distance = this.#rep2;
        if (range.bit(IS_REP_2 + state) === 1) {
          distance = this.#rep3;
          this.#rep3 = this.#rep2;
        }
        this.#rep2 = this.#rep1;
      }
      this.#rep1 = this.#rep0;
      this.#rep0 = distance;
    }
    this.#state = state < 7 ? 8 : 11;
    return this.#length(REP_LENGTH, positionState);
  }

  #length(base: number, positionState: number): number {
    const range = this.#range;
    if (range.bit(base) === 0) return range.tree(base + LOW + positionState * 8, 8) - 8 + 2;
    if (range.bit(base + 1) === 0) return range.tree(base + MIDDLE + positionState * 8, 8) - 8 + 10;
    return range.tree(base + HIGH, 256) - 256 + 18;
  }

  /** @returns the place behind what was copied. */
  #copy(at: number, length: number, limit: number): number {
    const window = this.window;
    const count = Math.min(length, limit - at);
    this.#pending = length - count;
    const distance = this.#rep0 + 1;
    let from = at - distance;
    const to = at + count;
    if (from >= 0 && distance === 1) {
      window.fill(window[from] ?? 0, at, to);
      return to;
    }
    if (from < 0) from += window.length;
    if (count >= 32 && distance >= count && from + count <= window.length) {
      window.copyWithin(at, from, from + count);
      return to;
    }
    for (let i = at; i < to; i++) {
      window[i] = window[from++] ?? 0;
      if (from === window.length) from = 0;
    }
    return to;
  }
}
