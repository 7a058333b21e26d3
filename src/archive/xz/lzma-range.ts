/** How likely a bit is 0, in 2048ths, before anything is known of it. */
const EVEN = 1024;

/** Makes signed numbers compare as if they were not. */
const SIGN = -0x80000000;

/** Bytes behind a chunk that may be looked at before it is seen that it ended: no symbol takes more. */
export const RANGE_SLACK = 64;

/**
 * Decodes bits by the likelihood each had so far (LZMA's range coder). Bits that nobody can foresee, which are most of what cannot be
 * compressed, are decoded without a branch: a processor that guesses wrong loses more time than all of their arithmetic takes.
 *
 * `range` and `code` are numbers of 32 bits without a sign, kept as ones with a sign.
 */
export class RangeDecoder {
  /** Likelihoods; those of trees begin at an even place. */
  readonly probs: Uint16Array;
  /** The same, two at once: both children of a node of a tree lie side by side. */
  readonly #pairs: Uint32Array;
  #input: Uint8Array = new Uint8Array(0);
  #range = 0;
  #code = 0;
  /** Where in the input the next byte is read. */
  at = 0;

  /** @param count of likelihoods, even. */
  constructor(count: number) {
    this.probs = new Uint16Array(count);
    this.#pairs = new Uint32Array(this.probs.buffer);
  }

  /** Forgets all likelihoods. */
  reset(): void {
    this.probs.fill(EVEN);
  }

  /**
   * Begins to read at `at`; `RANGE_SLACK` bytes may be read behind the last that is meant.
   * @returns whether it can begin so.
   */
  start(input: Uint8Array, at: number): boolean {
    this.#input = input;
    this.#range = -1;
    this.#code = 0;
    for (let i = 1; i < 5; i++) this.#code = (this.#code << 8) | (input[at + i] ?? 0);
    this.at = at + 5;
    return input[at] === 0;
  }

  /** Reads what the last bit has left to read. @returns whether nothing is left over, as it is at an end. */
  finish(): boolean {
    this.#normalize();
    return this.#code === 0;
  }

  #normalize(): void {
    if (this.#range >>> 24 !== 0) return;
    this.#range <<= 8;
    this.#code = (this.#code << 8) | (this.#input[this.at++] ?? 0);
  }

  /** A bit that is mostly as it was before. */
  bit(index: number): 0 | 1 {
    this.#normalize();
    const prob = this.probs[index] ?? 0;
    const bound = Math.imul(this.#range >>> 11, prob);
    if ((this.#code ^ SIGN) < (bound ^ SIGN)) {
      this.#range = bound;
      this.probs[index] = prob + ((2048 - prob) >>> 5);
      return 0;
    }
    this.#range = (this.#range - bound) | 0;
    this.#code = (this.#code - bound) | 0;
    this.probs[index] = prob - (prob >>> 5);
    return 1;
  }

  /** Bits by a tree, the highest first. @param end 1 with as many zeros behind it as there are bits. @returns them with a 1 before them. */
  tree(base: number, end: number): number {
    const probs = this.probs;
    const pairs = this.#pairs;
    const input = this.#input;
    const half = base >>> 1;
    let range = this.#range;
    let code = this.#code;
    let at = this.at;
    let symbol = 1;
    let prob = probs[base + 1] ?? 0;
    for (;;) {
      if (range >>> 24 === 0) {
        range <<= 8;
        code = (code << 8) | (input[at++] ?? 0);
      }
      // Asked for before it is known which of them is needed.
      const pair = pairs[half + symbol] ?? 0;
      const bound = Math.imul(range >>> 11, prob);
      // All bits set when the bit is 1.
      const mask = -+((code ^ SIGN) >= (bound ^ SIGN)) | 0;
      range = bound ^ ((bound ^ (range - bound)) & mask);
      code = (code - (bound & mask)) | 0;
      probs[base + symbol] = prob + (((2048 ^ ((2048 ^ 31) & mask)) - prob) >> 5);
      symbol = (symbol << 1) - mask;
      if (symbol >= end) break;
      prob = (pair >>> (mask & 16)) & 0xffff;
    }
    this.#range = range;
    this.#code = code;
    this.at = at;
    return symbol;
  }

  /** Bits by a tree, the lowest first. */
  reverseTree(base: number, bits: number): number {
    let symbol = 1;
    let value = 0;
    for (let i = 0; i < bits; i++) {
      const bit = this.bit(base + symbol);
      symbol = (symbol << 1) | bit;
      value |= bit << i;
    }
    return value;
  }

  /** Bits that are as often 0 as 1. */
  direct(bits: number): number {
    let value = 0;
    for (let i = 0; i < bits; i++) {
      this.#normalize();
      this.#range >>>= 1;
      const rest = (this.#code - this.#range) | 0;
      const below = rest >> 31;
      this.#code = (rest + (this.#range & below)) | 0;
      value = (value << 1) + below + 1;
    }
    return value;
  }

  /** A byte that stands where a match ended: `other` is what a longer match would have given, and it is another one. */
  byteUnlike(base: number, other: number): number {
    const probs = this.probs;
    const input = this.#input;
    let range = this.#range;
    let code = this.#code;
    let at = this.at;
    let symbol = 1;
    let offset = 0x100;
    let rest = other;
    do {
      rest <<= 1;
      const bit = rest & offset;
      const index = base + offset + bit + symbol;
      const prob = probs[index] ?? 0;
      if (range >>> 24 === 0) {
        range <<= 8;
        code = (code << 8) | (input[at++] ?? 0);
      }
      const bound = Math.imul(range >>> 11, prob);
      const mask = -+((code ^ SIGN) >= (bound ^ SIGN)) | 0;
      range = bound ^ ((bound ^ (range - bound)) & mask);
      code = (code - (bound & mask)) | 0;
      probs[index] = prob + (((2048 ^ ((2048 ^ 31) & mask)) - prob) >> 5);
      symbol = (symbol << 1) - mask;
      offset &= bit ^ ~mask;
    } while (symbol < 0x100);
    this.#range = range;
    this.#code = code;
    this.at = at;
    return symbol & 0xff;
  }
}
