/** Punctuation stands for itself; `broken` is what was reported already and cannot be read on, `unknown` a character of no meaning. */
export type TokenKind =
  | "identifier"
  | "number"
  | "newline"
  | "end"
  | "openQuote"
  | "closeQuote"
  | "openHeredoc"
  | "closeHeredoc"
  | "text"
  | "interpolation"
  | "directive"
  | "closeTemplate"
  | "broken"
  | "unknown"
  | Punctuation;

export type Punctuation =
  | ("{" | "}" | "[" | "]" | "(" | ")" | "=" | ":" | "," | "." | "..." | "=>" | "?")
  | ("!" | "==" | "!=" | "<" | "<=" | ">" | ">=" | "&&" | "||" | "+" | "-" | "*" | "/" | "%");

/** A stretch of the text by offsets; its text is a slice of the source. */
export interface Token {
  readonly kind: TokenKind;
  readonly start: number;
  readonly end: number;
}

/** Tells one thing that is wrong between two offsets. */
export type Report = (start: number, end: number, message: string, hint?: string) => void;

/** What is open at a place of the text: a bracket, a quoted string or heredoc, or `${` (`%{`) within one. */
interface Frame {
  readonly kind: "{" | "[" | "(" | "quote" | "heredoc" | "template";
  readonly start: number;
  /** The word that ends a heredoc. */
  readonly marker?: string;
  /** Where the innermost frame is that is no `[` or `(`, this one or one around it; -1 for none. Looked for each time, it would take long. */
  readonly wall: number;
}

const SPACE = /[ \t]*/y;
const IDENTIFIER = /[\p{ID_Start}_][\p{ID_Continue}-]*/uy;
const NUMBER = /[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const PUNCTUATION = /\.\.\.|=>|==|!=|<=|>=|&&|\|\||[{}[\]()=:,.?!<>+\-*/%]/y;
const HEREDOC = /<<-?([\p{ID_Start}_][\p{ID_Continue}-]*)[ \t]*\r?\n/uy;
const CLOSE_TEMPLATE = /~?\}/y;
const QUOTE_STOP = /["\\\n$%]/g;
const HEREDOC_STOP = /[\n$%]/g;

/**
 * Cuts HCL into tokens, one at a time and in linear time. It follows brackets and templates itself, so it always knows whether the next
 * character is code or text. Trouble that only it can see (a string, heredoc or comment without end) it reports at the opening.
 */
export class Lexer {
  readonly #text: string;
  readonly #report: Report;
  readonly #frames: Frame[] = [];
  #at = 0;
  #distrustedUntil = 0;

  constructor(text: string, report: Report) {
    this.#text = text;
    this.#report = report;
  }

  /** How many brackets, strings and templates are open behind the last token. */
  get depth(): number {
    return this.#frames.length;
  }

  /** Whether the innermost thing open is a brace, where a line may begin with `name =`. */
  get inBraces(): boolean {
    return (this.#frames.at(-1)?.kind ?? "{") === "{";
  }

  /** Forgets what was opened above `depth` and goes on at an offset, where code stands. */
  resume(at: number, depth: number): void {
    this.#frames.length = Math.min(depth, this.#frames.length);
    this.#at = at;
  }

  /** After an error: a string that seems to be without end and begins before `until` follows from the error mostly, and is not told. */
  distrustQuotes(until: number): void {
    this.#distrustedUntil = until;
  }

  /** The next token; `end` again and again at the end. */
  next(): Token {
    const frame = this.#frames.at(-1);
    if (frame?.kind === "quote") return this.#nextInQuote(frame);
    if (frame?.kind === "heredoc") return this.#nextInHeredoc(frame);
    this.#skipSpaceAndComments();
    return this.#nextInCode();
  }

  #nextInCode(): Token {
    const start = this.#at;
    if (start >= this.#text.length) return { kind: "end", start, end: start };
    const char = this.#text[start];
    if (char === "\n") return this.#take("newline", 1);
    if (char === "\r" && this.#text[start + 1] === "\n") return this.#take("newline", 2);
    if (char === '"') {
      this.#open("quote", start);
      return this.#take("openQuote", 1);
    }
    const word = this.#match(IDENTIFIER);
    if (word !== "") return this.#take("identifier", word.length);
    const number = this.#match(NUMBER);
    if (number !== "") return this.#take("number", number.length);
    if (char === "<" && this.#match(HEREDOC) !== "") return this.#openHeredoc();
    if (this.#match(CLOSE_TEMPLATE) !== "" && this.#closesTemplate()) return this.#closeTemplate();
    const sign = this.#match(PUNCTUATION);
    if (sign !== "") return this.#punctuation(sign as Punctuation);
    return this.#take("unknown", (this.#text.codePointAt(start) ?? 0) > 0xffff ? 2 : 1);
  }

  #skipSpaceAndComments(): void {
    for (;;) {
      this.#at += this.#match(SPACE).length;
      const two = this.#text.slice(this.#at, this.#at + 2);
      if (two.startsWith("#") || two === "//") {
        const end = this.#text.indexOf("\n", this.#at);
        this.#at = end === -1 ? this.#text.length : end;
      } else if (two === "/*") {
        const end = this.#text.indexOf("*/", this.#at + 2);
        if (end === -1) this.#report(this.#at, this.#at + 2, 'comment is never closed: no "*/" follows');
        this.#at = end === -1 ? this.#text.length : end + 2;
      } else return;
    }
  }

  #open(kind: Frame["kind"], start: number, marker?: string): void {
    const around = this.#frames.at(-1)?.wall ?? -1;
    const wall = kind === "[" || kind === "(" ? around : this.#frames.length;
    this.#frames.push({ kind, start, wall, ...(marker !== undefined && { marker }) });
  }

  #punctuation(sign: Punctuation): Token {
    if (sign === "{" || sign === "[" || sign === "(") this.#open(sign, this.#at);
    else if (sign === "]" && this.#frames.at(-1)?.kind === "[") this.#frames.pop();
    else if (sign === ")" && this.#frames.at(-1)?.kind === "(") this.#frames.pop();
    else if (sign === "}") this.#closeBrace();
    return this.#take(sign, sign.length);
  }

  /** A brace also closes the brackets and parentheses in it that were forgotten. */
  #closeBrace(): void {
    const wall = this.#frames.at(-1)?.wall ?? -1;
    if (wall !== -1) this.#frames.length = wall;
  }

  #closesTemplate(): boolean {
    return this.#frames[this.#frames.at(-1)?.wall ?? -1]?.kind === "template";
  }

  #closeTemplate(): Token {
    this.#closeBrace();
    return this.#take("closeTemplate", this.#text[this.#at] === "~" ? 2 : 1);
  }

  #openHeredoc(): Token {
    HEREDOC.lastIndex = this.#at;
    const [opening, marker] = HEREDOC.exec(this.#text) ?? [];
    if (opening === undefined || marker === undefined) return this.#take("unknown", 1);
    this.#open("heredoc", this.#at, marker);
    return this.#take("openHeredoc", opening.length);
  }

  #nextInQuote(frame: Frame): Token {
    const start = this.#at;
    if (this.#text[start] === '"') {
      this.#frames.pop();
      return this.#take("closeQuote", 1);
    }
    const template = this.#templateOpening();
    if (template !== undefined) return template;
    for (let at = start; ; ) {
      QUOTE_STOP.lastIndex = at;
      const stop = QUOTE_STOP.exec(this.#text);
      const char = stop?.[0];
      if (stop === null || char === "\n") return this.#breakQuote(frame, stop?.index ?? this.#text.length);
      at = stop.index;
      if (char === "\\" && this.#text[at + 1] !== "\n") at += 2;
      else if (char === '"' || this.#opensTemplate(at)) return this.#take("text", at - start);
      else at += this.#isEscapedOpening(at) ? 3 : 1;
    }
  }

  /**
   * A quoted string ends with its line. When it stands within `${…}` of another, the quote that looks like its opening is most likely
   * the closing one of the outer string, and a brace is missing.
   */
  #breakQuote(frame: Frame, end: number): Token {
    const start = this.#at;
    const heredoc = this.#frames.findLastIndex(({ kind }) => kind === "heredoc");
    const outer = this.#frames.findIndex(({ kind }, index) => kind === "quote" && index > heredoc);
    this.#reportOpenQuote(frame, this.#frames[outer + 1]);
    this.#frames.length = heredoc === -1 ? outer : heredoc + 1;
    this.#at = this.#text[end - 1] === "\r" ? end - 1 : end;
    return { kind: "broken", start, end: this.#at };
  }

  #reportOpenQuote(quote: Frame, template: Frame | undefined): void {
    if (quote.start < this.#distrustedUntil) return;
    if (template?.kind === "template") {
      const { start } = template;
      this.#report(start, start + 2, `"${this.#text.slice(start, start + 2)}" is never closed`);
    } else this.#report(quote.start, quote.start + 1, "string is never closed", HINT_STRING);
  }

  #nextInHeredoc(frame: Frame): Token {
    const start = this.#at;
    const template = this.#templateOpening();
    if (template !== undefined) return template;
    for (let at = start; ; ) {
      if (this.#isMarkerLine(at, frame)) return at > start ? this.#take("text", at - start) : this.#closeHeredoc(frame);
      HEREDOC_STOP.lastIndex = at;
      const stop = HEREDOC_STOP.exec(this.#text);
      if (stop === null) return this.#breakHeredoc(frame);
      at = stop.index;
      if (this.#opensTemplate(at)) return this.#take("text", at - start);
      at += this.#isEscapedOpening(at) ? 3 : 1;
    }
  }

  #isMarkerLine(at: number, frame: Frame): boolean {
    if (this.#text[at - 1] !== "\n") return false;
    const end = this.#text.indexOf("\n", at);
    return this.#text.slice(at, end === -1 ? undefined : end).trim() === frame.marker;
  }

  #closeHeredoc(frame: Frame): Token {
    this.#frames.pop();
    const marker = frame.marker ?? "";
    const start = this.#text.indexOf(marker, this.#at);
    this.#at = start + marker.length;
    return { kind: "closeHeredoc", start, end: this.#at };
  }

  #breakHeredoc(frame: Frame): Token {
    const opening = this.#text.slice(frame.start, this.#text.indexOf("\n", frame.start)).trimEnd();
    const message = `heredoc is never closed: no line holds "${frame.marker}" alone`;
    this.#report(frame.start, frame.start + opening.length, message);
    const start = this.#at;
    this.#frames.length = this.#frames.indexOf(frame);
    this.#at = this.#text.length;
    return { kind: "broken", start, end: this.#at };
  }

  /** `${` or `%{` at the place of reading, with the mark `~` that strips white space. */
  #templateOpening(): Token | undefined {
    if (!this.#opensTemplate(this.#at)) return undefined;
    const kind = this.#text[this.#at] === "$" ? "interpolation" : "directive";
    this.#open("template", this.#at);
    return this.#take(kind, this.#text[this.#at + 2] === "~" ? 3 : 2);
  }

  #opensTemplate(at: number): boolean {
    const char = this.#text[at];
    return (char === "$" || char === "%") && this.#text[at + 1] === "{";
  }

  #isEscapedOpening(at: number): boolean {
    const char = this.#text[at];
    return (char === "$" || char === "%") && this.#text[at + 1] === char && this.#text[at + 2] === "{";
  }

  #match(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    return pattern.exec(this.#text)?.[0] ?? "";
  }

  #take(kind: TokenKind, length: number): Token {
    const start = this.#at;
    this.#at += length;
    return { kind, start, end: this.#at };
  }
}

const HINT_STRING =
  'close it with " on the same line; \\n makes a line end, and longer text stands in a heredoc (<<EOT)';
