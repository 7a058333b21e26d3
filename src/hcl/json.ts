import type { Diagnostic } from "./diagnostic.ts";
import { MAX_DEPTH, MAX_ERRORS, MAX_VALUES, quoteName } from "./limits.ts";
import { readSource, type Source } from "./source.ts";
import type { ObjectEntry, Value } from "./value.ts";

/** What `parseJson` gives; `value` is undefined when the text is no JSON, and then `diagnostics` says why. */
export interface ParsedJson {
  readonly value: Value | undefined;
  readonly diagnostics: Diagnostic[];
  readonly source: Source;
}

/**
 * Reads JSON (RFC 8259) with the place of every key and value. A key that stands twice in one object is an error and the first one
 * stays; the first syntax error ends the reading. Never throws.
 * @param file the name that positions carry.
 */
export function parseJson(file: string, text: string | Uint8Array): ParsedJson {
  const { source, diagnostics, readable } = readSource(file, text);
  if (!readable) return { value: undefined, diagnostics, source };
  const reader = new JsonReader(source, diagnostics);
  try {
    return { value: reader.readDocument(), diagnostics, source };
  } catch (error) {
    if (!(error instanceof Stop)) throw error;
    return { value: undefined, diagnostics, source };
  }
}

/** Thrown when the diagnostic is already reported. */
class Stop extends Error {}

const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const WORD = /[A-Za-z0-9_.+-]+/y;
const STRING_STOP = /["\\\u0000-\u001f]/g;
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;
const SPACE = /[ \t\r\n]*/y;

class JsonReader {
  readonly #source: Source;
  readonly #text: string;
  readonly #diagnostics: Diagnostic[];
  #at = 0;
  #depth = 0;
  #values = 0;

  constructor(source: Source, diagnostics: Diagnostic[]) {
    this.#source = source;
    this.#text = source.text;
    this.#diagnostics = diagnostics;
  }

  readDocument(): Value {
    this.#skipSpace();
    const value = this.#readValue();
    this.#skipSpace();
    if (this.#at < this.#text.length) this.#fail(`expected the end of the text, found ${this.#found()}`);
    return value;
  }

  #readValue(): Value {
    if (++this.#values > MAX_VALUES) this.#fail(`more than ${MAX_VALUES} values`);
    const char = this.#text[this.#at];
    if (char === "{") return this.#nested(() => this.#readObject());
    if (char === "[") return this.#nested(() => this.#readList());
    const start = this.#at;
    if (char === '"') {
      const value = this.#readString();
      return { kind: "string", value, span: this.#source.span(start, this.#at) };
    }
    const word = this.#match(WORD);
    const span = this.#source.span(start, this.#at);
    if (word === "true" || word === "false") return { kind: "bool", value: word === "true", span };
    if (word === "null") return { kind: "null", span };
    this.#at = start;
    const number = this.#match(NUMBER);
    if (number === "" || number !== word) {
      this.#at = start;
      this.#fail(`expected a value, found ${this.#found()}`, this.#hintForFound());
    }
    if (!Number.isFinite(Number(number))) this.#failAt(start, this.#at, "number is too large");
    return { kind: "number", value: Number(number), text: number, span };
  }

  #nested(read: () => Value): Value {
    if (this.#depth === MAX_DEPTH) this.#fail(`nested more than ${MAX_DEPTH} deep`);
    this.#depth++;
    const value = read();
    this.#depth--;
    return value;
  }

  #readObject(): Value {
    const open = this.#at++;
    const entries: ObjectEntry[] = [];
    const seen = new Map<string, ObjectEntry>();
    this.#skipSpace();
    while (this.#text[this.#at] !== "}") {
      if (this.#text[this.#at] !== '"') {
        this.#failIfEnd(open);
        this.#fail(`expected a key in double quotes or "}", found ${this.#found()}`, this.#hintForFound());
      }
      const entry = this.#readEntry();
      const first = seen.get(entry.key);
      if (first === undefined) {
        seen.set(entry.key, entry);
        entries.push(entry);
      } else this.#reportDuplicate(entry, first);
      this.#readSeparator(open, "}");
    }
    this.#at++;
    return { kind: "object", entries, span: this.#source.span(open, this.#at) };
  }

  #readEntry(): ObjectEntry {
    const start = this.#at;
    const key = this.#readString();
    const keySpan = this.#source.span(start, this.#at);
    this.#skipSpace();
    if (this.#text[this.#at] !== ":") this.#fail(`expected ":" after the key, found ${this.#found()}`);
    this.#at++;
    this.#skipSpace();
    return { key, keySpan, value: this.#readValue() };
  }

  #reportDuplicate(entry: ObjectEntry, first: ObjectEntry): void {
    if (this.#diagnostics.length >= MAX_ERRORS) return;
    const { line, column } = first.keySpan.start;
    const message = `key ${quoteName(entry.key)} stands twice in this object; first on line ${line}, column ${column}`;
    this.#diagnostics.push({ severity: "error", span: entry.keySpan, message });
  }

  #readList(): Value {
    const open = this.#at++;
    const items: Value[] = [];
    this.#skipSpace();
    while (this.#text[this.#at] !== "]") {
      this.#failIfEnd(open);
      items.push(this.#readValue());
      this.#readSeparator(open, "]");
    }
    this.#at++;
    return { kind: "list", items, span: this.#source.span(open, this.#at) };
  }

  /** Stands behind an item; leaves the reader at the next one or at the closing character. */
  #readSeparator(open: number, close: "}" | "]"): void {
    this.#skipSpace();
    if (this.#text[this.#at] === close) return;
    this.#failIfEnd(open);
    if (this.#text[this.#at] !== ",") this.#fail(`expected "," or "${close}", found ${this.#found()}`);
    const comma = this.#at++;
    this.#skipSpace();
    if (this.#text[this.#at] === close) this.#failAt(comma, comma + 1, `JSON allows no "," before "${close}"`);
  }

  #readString(): string {
    const start = this.#at;
    this.#at++;
    let plain = true;
    for (;;) {
      STRING_STOP.lastIndex = this.#at;
      const stop = STRING_STOP.exec(this.#text);
      if (stop === null || stop[0] === "\n" || stop[0] === "\r") {
        this.#failAt(
          start,
          start + 1,
          "string is never closed",
          'close it with " on the same line; \\n makes a line end',
        );
      }
      this.#at = stop.index;
      if (stop[0] === '"') break;
      plain = false;
      if (stop[0] !== "\\") {
        this.#fail("a control character, which JSON strings hold as an escape only", "write \\t or \\u00XX");
      }
      if (this.#match(ESCAPE) === "") {
        this.#failAt(
          this.#at,
          this.#at + 2,
          "unknown escape",
          'JSON knows \\" \\\\ \\/ \\b \\f \\n \\r \\t and \\uXXXX',
        );
      }
    }
    this.#at++;
    return plain ? this.#text.slice(start + 1, this.#at - 1) : JSON.parse(this.#text.slice(start, this.#at));
  }

  #skipSpace(): void {
    this.#match(SPACE);
  }

  #match(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const text = pattern.exec(this.#text)?.[0] ?? "";
    this.#at += text.length;
    return text;
  }

  #found(): string {
    if (this.#at >= this.#text.length) return "the end of the text";
    const char = String.fromCodePoint(this.#text.codePointAt(this.#at) ?? 0);
    if (char === '"') return "a string";
    return `"${char}"`;
  }

  #hintForFound(): string | undefined {
    const rest = this.#text.slice(this.#at, this.#at + 2);
    if (rest === "//" || rest === "/*" || rest.startsWith("#")) return "JSON has no comments";
    if (rest.startsWith("'")) return "JSON strings stand in double quotes";
    return undefined;
  }

  #failIfEnd(open: number): void {
    if (this.#at >= this.#text.length) this.#failAt(open, open + 1, `"${this.#text[open]}" is never closed`);
  }

  #fail(message: string, hint?: string): never {
    return this.#failAt(this.#at, this.#at + 1, message, hint);
  }

  #failAt(start: number, end: number, message: string, hint?: string): never {
    this.#diagnostics.push({ severity: "error", span: this.#source.span(start, end), message, hint });
    throw new Stop(message);
  }
}
