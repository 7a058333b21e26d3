import type { Diagnostic } from "../diagnostic.ts";
import { MAX_DEPTH, MAX_ERRORS, MAX_VALUES, quoteName } from "../limits.ts";
import type { Source } from "../source.ts";
import type { Span } from "../span.ts";
import { Lexer, type Token, type TokenKind } from "./lexer.ts";

/** Thrown to leave what cannot be read on; the diagnostic is reported already. */
export class SyntaxStop extends Error {}

/** Thrown to leave the whole text: nested too deep, or too many errors. */
export class GiveUp extends Error {}

const ITEM_START = /[\p{ID_Start}_][\p{ID_Continue}-]*[ \t]*(?:=(?![=>])|\{|")/uy;

/** The parser's view of the tokens: the current one, whether line ends count, and what has been said about them. */
export class Cursor {
  readonly source: Source;
  readonly diagnostics: Diagnostic[];
  /** The token to be read next. */
  token: Token;
  readonly #lexer: Lexer;
  /** Within brackets and parentheses a line end is white space. */
  #newlines = true;
  #nesting = 0;
  #values = 0;
  /** The first opening brace whose closing brace stands further left than it should. */
  #suspect: Token | undefined;
  #endReported = false;

  constructor(source: Source, diagnostics: Diagnostic[]) {
    this.source = source;
    this.diagnostics = diagnostics;
    this.#lexer = new Lexer(source.text, (...args) => this.report(...args));
    this.token = this.#lexer.next();
  }

  /** How many brackets, strings and templates are open behind the current token. */
  get depth(): number {
    return this.#lexer.depth;
  }

  /** Goes to the next token and returns the one that was current. */
  advance(): Token {
    const read = this.token;
    do this.token = this.#lexer.next();
    while (this.token.kind === "newline" && !this.#newlines);
    return read;
  }

  is(kind: TokenKind): boolean {
    return this.token.kind === kind;
  }

  /** Skips line ends, where they count. */
  skipNewlines(): void {
    while (this.is("newline")) this.advance();
  }

  /** The text of a token. */
  text(token: Token): string {
    return this.source.text.slice(token.start, token.end);
  }

  /** From the start of one token to the end of another. */
  span(from: Token, to: Token): Span {
    return this.source.span(from.start, to.end);
  }

  /**
   * Reads from the current opening token to its closing one, with line ends counting or not in between.
   * @returns what `read` gave and the closing token, which has been passed.
   */
  bracketed<T>(newlines: boolean, read: (open: Token) => T): { value: T; open: Token; close: Token } {
    const before = this.#newlines;
    this.#newlines = newlines;
    const value = read(this.advance());
    const open = this.token;
    this.#newlines = before;
    return { value, open, close: this.advance() };
  }

  /** Reads with line ends that count for nothing. */
  ignoringNewlines<T>(read: () => T): T {
    const before = this.#newlines;
    this.#newlines = false;
    if (this.is("newline")) this.advance();
    const value = read();
    this.#newlines = before;
    return value;
  }

  /** Reads a value or block, one level deeper. @throws GiveUp beyond `MAX_DEPTH` levels or `MAX_VALUES` of them. */
  nested<T>(read: () => T): T {
    if (this.#nesting === MAX_DEPTH) this.#giveUp(`nested more than ${MAX_DEPTH} deep`);
    this.count();
    this.#nesting++;
    const value = read();
    this.#nesting--;
    return value;
  }

  /** Counts something that costs memory: a value, block, label or step. @throws GiveUp beyond `MAX_VALUES`. */
  count(): void {
    if (++this.#values > MAX_VALUES) this.#giveUp(`more than ${MAX_VALUES} values`);
  }

  /** @throws GiveUp instead of telling more than `MAX_ERRORS`. */
  report(start: number, end: number, message: string, hint?: string): void {
    const full = this.diagnostics.length >= MAX_ERRORS;
    const text = full ? `more than ${MAX_ERRORS} errors: the rest of the file is not read` : message;
    if (this.diagnostics.length <= MAX_ERRORS) {
      const span = this.source.span(start, end);
      this.diagnostics.push({ severity: "error", span, message: text, hint: full ? undefined : hint });
    }
    if (full) throw new GiveUp();
  }

  #giveUp(message: string): never {
    this.report(this.token.start, this.token.end, message);
    throw new GiveUp();
  }

  /** Reports at the current token and leaves the item. @throws SyntaxStop always. */
  fail(message: string, hint?: string): never {
    if (!this.is("broken")) {
      this.report(
        this.token.start,
        Math.max(this.token.end, this.token.start + 1),
        message,
        hint ?? this.#hintForToken(),
      );
    }
    throw new SyntaxStop();
  }

  /** `expected …, found …` at the current token. @throws SyntaxStop always. */
  failExpecting(expected: string, hint?: string): never {
    return this.fail(`expected ${expected}, found ${this.found()}`, hint);
  }

  /**
   * Called where something opened by `open` neither goes on nor closes. When the text shows that the closing was forgotten, the opening
   * is the place that helps. @throws SyntaxStop always.
   */
  failInside(open: Token, expected: string, hint?: string): never {
    if (!this.is("end") && !this.is("}") && !this.atItemStart()) return this.failExpecting(expected, hint);
    return this.failUnclosed(open);
  }

  /** Reports that an opening has no closing, and leaves the item. @throws SyntaxStop always. */
  failUnclosed(open: Token): never {
    this.reportUnclosed(open);
    throw new SyntaxStop();
  }

  /** Says that an opening has no closing; at the end of the text once, for the brace that its indentation shows to be the one. */
  reportUnclosed(open: Token): void {
    const place = this.is("end") && open.kind === "{" ? (this.#suspect ?? open) : open;
    if (!this.#endReported) this.report(place.start, place.end, `"${this.text(place)}" is never closed`);
    this.#endReported = this.is("end");
  }

  /** Remembers the pair of braces if its indentation says that the closing one was meant for another. */
  notePair(open: Token, close: Token): void {
    if (this.#suspect !== undefined || !this.isFirstOnLine(close)) return;
    if (this.#indentation(close) < this.#indentation(open)) this.#suspect = open;
  }

  isFirstOnLine({ start }: Token): boolean {
    let at = start - 1;
    while (this.source.text[at] === " " || this.source.text[at] === "\t") at--;
    return at < 0 || this.source.text[at] === "\n";
  }

  #indentation(token: Token): number {
    const start = this.source.lineStart(token.start);
    return this.source.text.slice(start, token.start).search(/[^ \t]|$/);
  }

  /** Whether the current token begins a line that looks like `name =`, `name {` or `name "`, in a place where none can stand. */
  atItemStart(): boolean {
    if (!this.is("identifier") || this.#lexer.inBraces || !this.isFirstOnLine(this.token)) return false;
    ITEM_START.lastIndex = this.token.start;
    return ITEM_START.test(this.source.text);
  }

  /**
   * After a `SyntaxStop`: goes to the end of the item that could not be read, which is a line end at `depth`, the brace that closes what
   * stands at `depth`, or a line that looks like the next item.
   */
  recover(depth: number, nesting: number): void {
    this.#newlines = true;
    this.#nesting = nesting;
    const lineEnd = this.source.text.indexOf("\n", this.token.start);
    this.#lexer.distrustQuotes(lineEnd === -1 ? this.source.text.length : lineEnd);
    this.#skipItem(depth);
    this.#lexer.distrustQuotes(0);
  }

  #skipItem(depth: number): void {
    while (!this.is("end")) {
      if (this.is("newline") && this.depth <= depth) return;
      if (this.is("}") && this.depth < depth) return;
      if (this.depth > depth && this.atItemStart()) {
        this.#goTo(this.token.start, depth);
        return;
      }
      this.advance();
    }
  }

  #goTo(at: number, depth: number): void {
    this.#lexer.resume(at, depth);
    this.advance();
  }

  /**
   * Where a string that is never closed took the brace at the end of the line along (`task "web {`): goes to that brace.
   * @returns the text before it, or undefined when the current token is something else.
   */
  reviveBrace(): string | undefined {
    if (!this.is("broken")) return undefined;
    const text = this.text(this.token).trimEnd();
    if (!text.endsWith("{")) return undefined;
    this.#goTo(this.token.start + text.length - 1, this.depth);
    return text.slice(0, -1).trim();
  }

  /** The nesting to give back to `recover`. */
  get nesting(): number {
    return this.#nesting;
  }

  /** The current token in words that show no text of a string. */
  found(): string {
    const { kind } = this.token;
    if (kind === "newline") return "the end of the line";
    if (kind === "end") return "the end of the file";
    if (kind === "openQuote") return "a string";
    if (kind === "openHeredoc") return "a heredoc";
    if (kind === "text" || kind === "broken") return "text";
    if (kind === "unknown") return describeCharacter(this.text(this.token));
    return quoteName(this.text(this.token));
  }

  #hintForToken(): string | undefined {
    if (!this.is("unknown")) return undefined;
    const char = this.text(this.token);
    if ("'`\u2018\u2019\u201c\u201d".includes(char)) return 'strings stand in straight double quotes: "text"';
    if (char === "\r") return "lines end with a line feed, with or without a carriage return before it";
    if (char === ";") return "a line end separates attributes";
    return undefined;
  }
}

/** `"@"`, or the code point where the character itself would show little. */
function describeCharacter(char: string): string {
  const code = char.codePointAt(0) ?? 0;
  return code > 0x20 && code < 0x7f ? `"${char}"` : `character U+${code.toString(16).toUpperCase().padStart(4, "0")}`;
}
