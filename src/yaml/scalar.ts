import type { Cursor, Mark } from "./cursor.ts";

/** Ends of lines between the lines of a scalar: the first, and those behind it. */
class Fold {
  first = "";
  more = "";
  /** Whether there was one, also where it counts for nothing. */
  any = false;

  add(end: string): void {
    if (this.any) this.more += end;
    else this.first = end;
    this.any = true;
  }

  /** What they come to between two lines that are joined, and nothing any more then. */
  take(): string {
    const { first, more } = this;
    this.first = "";
    this.more = "";
    this.any = false;
    if (first !== "\n") return first + more;
    return more === "" ? " " : more;
  }
}

/** Goes over blanks and ends of lines between the words of a scalar. @returns the blanks, where the line did not end. */
function takeSpace(cursor: Cursor, fold: Fold, before: string, check: () => void): string {
  let blanks = before;
  while (cursor.isBlank() || cursor.isBreak()) {
    if (cursor.isBlank()) {
      check();
      const char = cursor.take();
      if (!fold.any) blanks += char;
    } else {
      blanks = "";
      fold.add(cursor.takeBreak());
    }
  }
  return blanks;
}

/** What a scalar without quotes stands in. */
export interface PlainPlace {
  /** Whether it stands between brackets. */
  readonly flow: boolean;
  /** The least column of its further lines. */
  readonly indent: number;
}

const FLOW_ENDS = new Set([",", "?", "[", "]", "{", "}"]);

/** A scalar without quotes. @returns its text, and whether its last line was ended. */
export function scanPlain(
  cursor: Cursor,
  { flow, indent }: PlainPlace,
): { readonly text: string; readonly ended: boolean } {
  const start = cursor.mark();
  const fold = new Fold();
  let text = "";
  let blanks = "";
  const isOver = (): boolean =>
    (cursor.peek() === ":" && cursor.isSpaceOrEnd(1)) || (flow && FLOW_ENDS.has(cursor.peek()));
  const check = (): void => {
    if (fold.any && cursor.column < indent && cursor.peek() === "\t") {
      cursor.fail("a tab stands where the text must be indented by spaces", start);
    }
  };
  while (!cursor.isDocumentMark() && cursor.peek() !== "#") {
    while (!cursor.isSpaceOrEnd() && !isOver()) {
      text += fold.any ? fold.take() : blanks;
      blanks = "";
      text += cursor.take();
    }
    if (!cursor.isBlank() && !cursor.isBreak()) break;
    blanks = takeSpace(cursor, fold, blanks, check);
    if (!flow && cursor.column < indent) break;
  }
  return { text, ended: fold.any };
}

const ESCAPES: Readonly<Record<string, string>> = {
  ...{ "0": "\0", a: "\x07", b: "\b", t: "\t", "\t": "\t", n: "\n", v: "\v", f: "\f", r: "\r", e: "\x1b" },
  ...{ " ": " ", '"': '"', "'": "'", "\\": "\\", N: "\u0085", _: "\u00a0", L: "\u2028", P: "\u2029" },
};
const HEX_DIGITS: Readonly<Record<string, number>> = { x: 2, u: 4, U: 8 };

/** A scalar in single or double quotes; the cursor is at the first of them. */
export function scanQuoted(cursor: Cursor): string {
  const start = cursor.mark();
  const quote = cursor.take();
  const fold = new Fold();
  let text = "";
  for (;;) {
    if (cursor.isDocumentMark()) cursor.fail("a document begins or ends within quotes", start);
    if (cursor.isEnd()) cursor.fail("the quotes are not closed", start);
    while (!cursor.isSpaceOrEnd()) {
      if (cursor.peek() === quote) {
        if (quote === '"' || cursor.peek(1) !== quote) break;
        cursor.skip(2);
        text += quote;
      } else if (quote === '"' && cursor.peek() === "\\") {
        if (cursor.isBreak(1)) {
          cursor.skip();
          cursor.takeBreak();
          fold.any = true;
          break;
        }
        text += scanEscape(cursor, start);
      } else text += cursor.take();
    }
    if (cursor.peek() === quote) break;
    const blanks = takeSpace(cursor, fold, "", () => undefined);
    text += fold.any ? fold.take() : blanks;
  }
  cursor.skip();
  return text;
}

function scanEscape(cursor: Cursor, start: Mark): string {
  cursor.skip();
  const name = cursor.peek();
  const known = ESCAPES[name];
  const length = HEX_DIGITS[name];
  if (known === undefined && length === undefined) cursor.fail("what stands behind the backslash is not known", start);
  cursor.skip();
  if (length === undefined) return known ?? "";
  const digits = Array.from({ length }, (_, at) => cursor.peek(at)).join("");
  if (!new RegExp(`^[0-9A-Fa-f]{${length}}$`).test(digits)) cursor.fail("expected hexadecimal digits", start);
  const code = Number.parseInt(digits, 16);
  if ((code >= 0xd800 && code <= 0xdfff) || code > 0x10ffff) cursor.fail("this is no character of Unicode", start);
  cursor.skip(length);
  return String.fromCodePoint(code);
}

/** A scalar behind `|` or `>`; the cursor is at that. @param indent of what it stands in, -1 outside of all. */
export function scanBlock(cursor: Cursor, indent: number): string {
  const start = cursor.mark();
  const literal = cursor.take() === "|";
  const { keep, step } = scanBlockHeader(cursor, start);
  const lines = new BlockLines(cursor, start, indent, step);
  let text = "";
  let end = "";
  let empty = lines.skipEmpty();
  let wasBlank = false;
  while (cursor.column === lines.indent && !cursor.isEnd()) {
    const isBlank = cursor.isBlank();
    const joins = !literal && end === "\n" && !wasBlank && !isBlank;
    if (joins) text += empty === "" ? " " : "";
    else text += end;
    text += empty;
    wasBlank = isBlank;
    while (!cursor.isBreakOrEnd()) text += cursor.take();
    end = cursor.isEnd() ? "" : cursor.takeBreak();
    empty = lines.skipEmpty();
  }
  if (keep === "-") return text;
  return keep === "+" ? text + end + empty : text + end;
}

/** What stands on the line of the indicator: what becomes of the last ends of lines, and how far the text is indented. */
function scanBlockHeader(cursor: Cursor, start: Mark): { readonly keep: string; readonly step: number } {
  let keep = "";
  let step = 0;
  for (let left = 2; left > 0; left--) {
    const char = cursor.peek();
    if (keep === "" && (char === "+" || char === "-")) keep = cursor.take();
    else if (step === 0 && /^[0-9]$/.test(char)) {
      step = Number(cursor.take());
      if (step === 0) cursor.fail("a text cannot be indented by 0", start);
    }
  }
  cursor.skipBlanks();
  cursor.skipComment();
  if (!cursor.isBreakOrEnd()) cursor.fail("expected a comment or the end of the line", start);
  if (cursor.isBreak()) cursor.takeBreak();
  return { keep, step };
}

class BlockLines {
  /** The column in which the text begins; 0 until its first line is there. */
  indent: number;
  readonly #cursor: Cursor;
  readonly #start: Mark;
  readonly #least: number;

  constructor(cursor: Cursor, start: Mark, around: number, step: number) {
    this.#cursor = cursor;
    this.#start = start;
    this.#least = Math.max(around + 1, 1);
    this.indent = step === 0 ? 0 : Math.max(around, 0) + step;
  }

  /** Goes over empty lines and over what the next one is indented by. @returns the ends of these lines. */
  skipEmpty(): string {
    const cursor = this.#cursor;
    let ends = "";
    let deepest = 0;
    for (;;) {
      while (this.#isBefore() && cursor.peek() === " ") cursor.take();
      deepest = Math.max(deepest, cursor.column);
      if (this.#isBefore() && cursor.peek() === "\t") {
        cursor.fail("a tab stands where the text must be indented by spaces", this.#start);
      }
      if (!cursor.isBreak()) break;
      ends += cursor.takeBreak();
    }
    if (this.indent === 0) this.indent = Math.max(deepest, this.#least);
    return ends;
  }

  #isBefore(): boolean {
    return this.indent === 0 || this.#cursor.column < this.indent;
  }
}
