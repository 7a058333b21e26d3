import { Buffer } from "node:buffer";
import type { Diagnostic } from "./diagnostic.ts";
import { MAX_SOURCE_BYTES } from "./limits.ts";
import type { Position, Span } from "./span.ts";

/** A text with its name and an index of its lines. */
export class Source {
  readonly file: string;
  /** Without a byte order mark. */
  readonly text: string;
  readonly #lineStarts: readonly number[];
  /** Offsets of the second halves of surrogate pairs, which count for no column of their own. */
  readonly #secondHalves: readonly number[];

  constructor(file: string, text: string) {
    this.file = file;
    this.text = text;
    this.#lineStarts = findLineStarts(text);
    this.#secondHalves = findSecondHalves(text);
  }

  /** Line and column of an offset, in time logarithmic in the number of lines; an offset out of range is moved into it. */
  position(offset: number): Position {
    const at = Math.min(Math.max(offset, 0), this.text.length);
    const line = countUpTo(this.#lineStarts, at);
    const lineStart = this.#lineStarts[line - 1] ?? 0;
    const halves = countUpTo(this.#secondHalves, at - 1) - countUpTo(this.#secondHalves, lineStart - 1);
    return { offset: at, line, column: at - lineStart - halves + 1 };
  }

  /** The stretch from one offset up to, not including, another. */
  span(start: number, end: number): Span {
    return { file: this.file, start: this.position(start), end: this.position(end) };
  }

  /** A line, counted from 1, without its line end; "" when there is no such line. */
  line(number: number): string {
    const start = this.#lineStarts[number - 1];
    if (start === undefined) return "";
    const next = this.#lineStarts[number];
    const end = next === undefined ? this.text.length : next - 1;
    return this.text.slice(start, next !== undefined && this.text[end - 1] === "\r" ? end - 1 : end);
  }

  /** Offset of the first character of the line that holds `offset`. */
  lineStart(offset: number): number {
    return this.#lineStarts[countUpTo(this.#lineStarts, offset) - 1] ?? 0;
  }
}

function findLineStarts(text: string): number[] {
  const starts = [0];
  for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  return starts;
}

function findSecondHalves(text: string): number[] {
  const found: number[] = [];
  for (const match of text.matchAll(/[\ud800-\udbff][\udc00-\udfff]/g)) found.push(match.index + 1);
  return found;
}

/** How many of the sorted numbers are at most `limit`. */
function countUpTo(sorted: readonly number[], limit: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] ?? 0) <= limit) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * Makes a `Source` of what was read from a file or a request. What is no text (invalid UTF-8, NUL) or too long gives a diagnostic and
 * `readable: false`: there is nothing in it worth parsing.
 */
export function readSource(
  file: string,
  input: string | Uint8Array,
): { source: Source; diagnostics: Diagnostic[]; readable: boolean } {
  if (input.length > MAX_SOURCE_BYTES) return refuseSize(file, input.length);
  const decoded = typeof input === "string" ? input : new TextDecoder("utf-8", { ignoreBOM: true }).decode(input);
  const text = decoded.startsWith("\ufeff") ? decoded.slice(1) : decoded;
  const source = new Source(file, text);
  const refuse = (start: number, message: string, hint: string) => {
    const span = source.span(start, start + 1);
    return { source, diagnostics: [{ severity: "error", span, message, hint } as const], readable: false };
  };
  if (typeof input !== "string") {
    const bad = findInvalidByte(decoded, input);
    if (bad !== undefined) {
      const message = `byte 0x${(input[bad.byte] ?? 0).toString(16).padStart(2, "0")} is not valid UTF-8`;
      return refuse(bad.offset - (decoded.length - text.length), message, "save the file as UTF-8");
    }
  }
  const nul = text.indexOf("\0");
  if (nul !== -1) return refuse(nul, "a NUL byte, which no text holds", "save the file as UTF-8 text");
  return { source, diagnostics: [], readable: true };
}

function refuseSize(file: string, length: number): { source: Source; diagnostics: Diagnostic[]; readable: boolean } {
  const source = new Source(file, "");
  const message = `too long: ${length} bytes, more than the ${MAX_SOURCE_BYTES} that are read`;
  return { source, diagnostics: [{ severity: "error", span: source.span(0, 0), message }], readable: false };
}

/** The decoder writes U+FFFD for what it cannot read; one that is not spelled so in the bytes marks the place. */
function findInvalidByte(decoded: string, bytes: Uint8Array): { byte: number; offset: number } | undefined {
  let byte = 0;
  let from = 0;
  for (let at = decoded.indexOf("\ufffd"); at !== -1; at = decoded.indexOf("\ufffd", at + 1)) {
    byte += Buffer.byteLength(decoded.slice(from, at));
    if (bytes[byte] !== 0xef || bytes[byte + 1] !== 0xbf || bytes[byte + 2] !== 0xbd) return { byte, offset: at };
    byte += 3;
    from = at + 1;
  }
  return undefined;
}
