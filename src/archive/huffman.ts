import type { BitReader } from "./bits.ts";
import { archiveError } from "./failure.ts";

/** A canonical Huffman code of lengths up to 20 bits, as bzip2 has them. */
export interface Code {
  readonly shortest: number;
  /** By length: the first value of 20 bits that is no code of this length. */
  readonly limits: Int32Array;
  /** By length: what to take from a code to get its place among the symbols. */
  readonly offsets: Int32Array;
  readonly symbols: Uint16Array;
}

const LONGEST = 20;

/** Reads the lengths of a code, each as its difference to the one before. @throws AppError when they are none. */
export function readCode(bits: BitReader, symbolCount: number): Code {
  const lengths = new Uint8Array(symbolCount);
  let length = bits.read(5);
  for (let symbol = 0; symbol < symbolCount; symbol++) {
    while (checkLength(length) && bits.read(1) === 1) length += bits.read(1) === 1 ? -1 : 1;
    lengths[symbol] = length;
  }
  return makeCode(lengths);
}

/** @throws AppError when the next bits are no code. */
export function readSymbol(bits: BitReader, code: Code): number {
  const next = bits.peek20();
  let length = code.shortest;
  while (next >= (code.limits[length] ?? 0)) {
    if (++length > LONGEST) throw damaged();
  }
  bits.skip(length);
  const symbol = code.symbols[(next >>> (LONGEST - length)) - (code.offsets[length] ?? 0)];
  if (symbol === undefined) throw damaged();
  return symbol;
}

function makeCode(lengths: Uint8Array): Code {
  const counts = new Int32Array(LONGEST + 1);
  for (const length of lengths) counts[length] = (counts[length] ?? 0) + 1;
  const limits = new Int32Array(LONGEST + 1);
  const offsets = new Int32Array(LONGEST + 1);
  let code = 0;
  let place = 0;
  for (let length = 1; length <= LONGEST; length++) {
    offsets[length] = code - place;
    code += counts[length] ?? 0;
    place += counts[length] ?? 0;
    // More codes than fit: some would never be reached, and a maker of files does not do that.
    if (code > 2 ** length) throw damaged();
    limits[length] = code * 2 ** (LONGEST - length);
    code *= 2;
  }
  const symbols = Array.from(lengths, (length, symbol) => ({ length, symbol })).sort(
    (a, b) => a.length - b.length || a.symbol - b.symbol,
  );
  return {
    shortest: symbols[0]?.length ?? 1,
    limits,
    offsets,
    symbols: Uint16Array.from(symbols, ({ symbol }) => symbol),
  };
}

function checkLength(length: number): true {
  if (length < 1 || length > LONGEST) throw damaged();
  return true;
}

function damaged(): Error {
  return archiveError("the bz2 data is damaged (codes)", "fetch or make the file again");
}
