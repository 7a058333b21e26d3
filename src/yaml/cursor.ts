import { YamlFault } from "./fault.ts";

/** A place in a text: line, column and distance from its beginning, all in characters and from 0. */
export interface Mark {
  readonly line: number;
  readonly column: number;
  readonly index: number;
}

const isSurrogate = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdbff;

/** Goes through a text character by character. Behind its end stands "". */
export class Cursor {
  readonly #text: string;
  #at = 0;
  #line = 0;
  #column = 0;
  #index = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get line(): number {
    return this.#line;
  }

  get column(): number {
    return this.#column;
  }

  mark(): Mark {
    return { line: this.#line, column: this.#column, index: this.#index };
  }

  /** The unit of text that lies so far ahead; "" behind the end. */
  peek(ahead = 0): string {
    return this.#text[this.#at + ahead] ?? "";
  }

  /** Whether the text goes on with a word. */
  isAt(word: string): boolean {
    return this.#text.startsWith(word, this.#at);
  }

  isEnd(ahead = 0): boolean {
    return this.#at + ahead >= this.#text.length;
  }

  isBlank(ahead = 0): boolean {
    const char = this.peek(ahead);
    return char === " " || char === "\t";
  }

  isBreak(ahead = 0): boolean {
    return BREAKS.has(this.peek(ahead));
  }

  isBreakOrEnd(ahead = 0): boolean {
    return this.isEnd(ahead) || this.isBreak(ahead);
  }

  isSpaceOrEnd(ahead = 0): boolean {
    return this.isBlank(ahead) || this.isBreakOrEnd(ahead);
  }

  /** Takes the next character, which is not the end of a line. */
  take(): string {
    const size = isSurrogate(this.#text.charCodeAt(this.#at)) ? 2 : 1;
    const char = this.#text.slice(this.#at, this.#at + size);
    this.#at += size;
    this.#column += 1;
    this.#index += 1;
    return char;
  }

  /** Leaves characters out. */
  skip(count = 1): void {
    for (let left = count; left > 0; left--) this.take();
  }

  skipBlanks(): void {
    while (this.isBlank()) this.take();
  }

  /** Leaves out a comment that begins here, up to the end of the line. */
  skipComment(): void {
    if (this.peek() !== "#") return;
    while (!this.isBreakOrEnd()) this.take();
  }

  /** Takes an end of a line. @returns what it counts as: all but the separators of Unicode are a line feed. */
  takeBreak(): string {
    const char = this.peek();
    const size = char === "\r" && this.peek(1) === "\n" ? 2 : 1;
    this.#at += size;
    this.#index += size;
    this.#column = 0;
    this.#line += 1;
    return char === "\u2028" || char === "\u2029" ? char : "\n";
  }

  /** Ends the last line, where it has no end. */
  endLine(): void {
    if (this.#column === 0) return;
    this.#column = 0;
    this.#line += 1;
  }

  /** Whether a line begins here with the mark of a document's start or end. */
  isDocumentMark(): boolean {
    return this.#column === 0 && (this.isAt("---") || this.isAt("...")) && this.isSpaceOrEnd(3);
  }

  /** @throws YamlFault at a place, here unless told. */
  fail(message: string, { line, column }: Pick<Mark, "line" | "column"> = this): never {
    throw new YamlFault(message, { line: line + 1, column: column + 1 });
  }
}

const BREAKS = new Set(["\n", "\r", "\u0085", "\u2028", "\u2029"]);

/** What names of anchors, tags and directives consist of. */
export function isWordCharacter(char: string): boolean {
  return /^[0-9A-Za-z_-]$/.test(char);
}
