import { Cursor, isWordCharacter, type Mark } from "./cursor.ts";
import { scanDirective, scanTag } from "./directive.ts";
import { YamlFault } from "./fault.ts";
import { scanBlock, scanPlain, scanQuoted } from "./scalar.ts";
import type { Token } from "./token.ts";

/** What might become a key once a colon is seen behind it. */
interface PossibleKey {
  readonly mark: Mark;
  /** Where in the tokens it begins. */
  readonly at: number;
  /** Nothing else can stand there. */
  readonly required: boolean;
}

/** A key stands on one line and has at most so many characters. */
const MOST_KEY = 1024;

const FORBIDDEN = /[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u;
const INDICATORS = new Set([..."-?:,[]{}#&*!|>'\"%@`"]);

/**
 * The tokens of a text, by the rules of libyaml, which Go's readers of YAML have, too: those of YAML 1.1, and stricter at times.
 * @param deepest how many brackets may be open. @throws YamlFault.
 */
export function scanTokens(text: string, deepest: number): Token[] {
  const whole = text.replace(/^\ufeff+/, "");
  if (FORBIDDEN.test(whole)) throw new YamlFault("it holds a control character", placeOf(whole));
  return new Scanner(whole, deepest).all();
}

function placeOf(text: string): { line: number; column: number } {
  const before = text.slice(0, text.search(FORBIDDEN)).split("\n");
  return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
}

class Scanner {
  readonly #cursor: Cursor;
  readonly #deepest: number;
  readonly #tokens: Token[] = [];
  #indent = -1;
  readonly #indents: number[] = [];
  /** One for the text outside of brackets, and one for each open bracket. */
  readonly #keys: (PossibleKey | undefined)[] = [undefined];
  #keyAllowed = true;

  constructor(text: string, deepest: number) {
    this.#cursor = new Cursor(text);
    this.#deepest = deepest;
  }

  all(): Token[] {
    for (;;) {
      this.#skipSpace();
      this.#forgetOldKeys();
      this.#closeBlocks(this.#cursor.column);
      if (this.#cursor.isEnd()) break;
      this.#next();
    }
    this.#cursor.endLine();
    this.#breakOff();
    this.#add("end");
    return this.#tokens;
  }

  get #flow(): boolean {
    return this.#keys.length > 1;
  }

  #add(
    kind: Exclude<Token["kind"], "scalar" | "anchor" | "alias" | "tag" | "yaml" | "%tag">,
    mark = this.#cursor.mark(),
  ): void {
    this.#tokens.push({ kind, mark });
  }

  #skipSpace(): void {
    const cursor = this.#cursor;
    for (;;) {
      while (cursor.peek() === " " || (cursor.peek() === "\t" && (this.#flow || !this.#keyAllowed))) cursor.take();
      cursor.skipComment();
      if (!cursor.isBreak()) return;
      cursor.takeBreak();
      if (!this.#flow) this.#keyAllowed = true;
    }
  }

  #forgetOldKeys(): void {
    const now = this.#cursor.mark();
    for (const [at, key] of this.#keys.entries()) {
      if (key === undefined || (key.mark.line >= now.line && key.mark.index + MOST_KEY >= now.index)) continue;
      this.#forgetKey(at);
    }
  }

  #forgetKey(at = this.#keys.length - 1): void {
    const key = this.#keys[at];
    if (key?.required) this.#cursor.fail("expected a colon behind a key", key.mark);
    this.#keys[at] = undefined;
  }

  #noteKey(): void {
    if (!this.#keyAllowed) return;
    this.#forgetKey();
    const mark = this.#cursor.mark();
    const required = !this.#flow && this.#indent === mark.column;
    this.#keys[this.#keys.length - 1] = { mark, at: this.#tokens.length, required };
  }

  /** Opens a block, where the column says that one begins. @param at where in the tokens; at their end unless told. */
  #openBlock(kind: "block list" | "block map", mark: Mark, at = this.#tokens.length): void {
    if (this.#flow || this.#indent >= mark.column) return;
    if (this.#indents.length > this.#deepest) this.#cursor.fail("it is nested too deep");
    this.#indents.push(this.#indent);
    this.#indent = mark.column;
    this.#tokens.splice(at, 0, { kind, mark });
  }

  #closeBlocks(column: number): void {
    if (this.#flow) return;
    while (this.#indent > column) {
      this.#add("block end");
      this.#indent = this.#indents.pop() ?? -1;
    }
  }

  /** What ends a document ends everything in it. */
  #breakOff(): void {
    this.#closeBlocks(-1);
    this.#forgetKey();
    this.#keyAllowed = false;
  }

  #next(): void {
    const cursor = this.#cursor;
    const char = cursor.peek();
    const apart = cursor.isSpaceOrEnd(1);
    if (cursor.column === 0 && char === "%") {
      this.#breakOff();
      this.#tokens.push(scanDirective(cursor));
    } else if (cursor.isDocumentMark()) {
      this.#breakOff();
      this.#add(char === "-" ? "document" : "document end");
      cursor.skip(3);
    } else if (char === "[" || char === "{") this.#openBracket(char);
    else if (char === "]" || char === "}") this.#closeBracket(char);
    else if (char === ",") this.#indicator(char, true);
    else if (char === "-" && apart) this.#entry();
    else if (char === "?" && (this.#flow || apart)) this.#key();
    else if (char === ":" && (this.#flow || apart)) this.#value();
    else if (char === "*" || char === "&") this.#anchor(char === "*" ? "alias" : "anchor");
    else if (char === "!") this.#one(() => scanTag(cursor));
    else if ((char === "|" || char === ">") && !this.#flow) this.#block();
    else if (char === "'" || char === '"') this.#quoted();
    else if (this.#beginsPlain(char)) this.#plain();
    else cursor.fail("nothing can begin with this character");
  }

  #beginsPlain(char: string): boolean {
    const cursor = this.#cursor;
    if (char === "-") return !cursor.isBlank(1);
    if (char === "?" || char === ":") return !this.#flow && !cursor.isSpaceOrEnd(1);
    return !cursor.isBlank() && !INDICATORS.has(char);
  }

  #openBracket(kind: "[" | "{"): void {
    this.#noteKey();
    if (this.#keys.length > this.#deepest) this.#cursor.fail("it is nested too deep");
    this.#keys.push(undefined);
    this.#keyAllowed = true;
    this.#add(kind);
    this.#cursor.skip();
  }

  #closeBracket(kind: "]" | "}"): void {
    this.#forgetKey();
    if (this.#flow) this.#keys.pop();
    this.#keyAllowed = false;
    this.#add(kind);
    this.#cursor.skip();
  }

  #indicator(kind: "," | "-" | "?" | ":", keyAllowed: boolean): void {
    this.#forgetKey();
    this.#keyAllowed = keyAllowed;
    this.#add(kind);
    this.#cursor.skip();
  }

  #assertAllowed(what: string): void {
    if (!this.#flow && !this.#keyAllowed) this.#cursor.fail(`${what} cannot stand here`);
  }

  #entry(): void {
    this.#assertAllowed("an item of a list");
    this.#openBlock("block list", this.#cursor.mark());
    this.#indicator("-", true);
  }

  #key(): void {
    this.#assertAllowed("a key");
    this.#openBlock("block map", this.#cursor.mark());
    this.#indicator("?", !this.#flow);
  }

  #value(): void {
    const key = this.#keys.at(-1);
    if (key === undefined) {
      this.#assertAllowed("a value");
      this.#openBlock("block map", this.#cursor.mark());
      this.#indicator(":", !this.#flow);
      return;
    }
    this.#tokens.splice(key.at, 0, { kind: "?", mark: key.mark });
    this.#openBlock("block map", key.mark, key.at);
    this.#keys[this.#keys.length - 1] = undefined;
    this.#keyAllowed = false;
    this.#add(":");
    this.#cursor.skip();
  }

  /** What may be a key, or the beginning of one. */
  #one(scan: () => Token): void {
    this.#noteKey();
    this.#keyAllowed = false;
    this.#tokens.push(scan());
  }

  #anchor(kind: "alias" | "anchor"): void {
    const cursor = this.#cursor;
    this.#one(() => {
      const mark = cursor.mark();
      cursor.skip();
      let name = "";
      while (isWordCharacter(cursor.peek())) name += cursor.take();
      const ends = cursor.isSpaceOrEnd() || /^[?:,\]}%@`]$/.test(cursor.peek());
      if (name === "" || !ends) cursor.fail("the name of an anchor consists of letters, digits, _ and -", mark);
      return { kind, name, mark };
    });
  }

  #quoted(): void {
    this.#one(() => {
      const mark = this.#cursor.mark();
      return { kind: "scalar", text: scanQuoted(this.#cursor), style: "quoted", mark };
    });
  }

  #plain(): void {
    let ended = false;
    this.#one(() => {
      const mark = this.#cursor.mark();
      const scalar = scanPlain(this.#cursor, { flow: this.#flow, indent: this.#indent + 1 });
      ended = scalar.ended;
      return { kind: "scalar", text: scalar.text, style: "plain", mark };
    });
    if (ended) this.#keyAllowed = true;
  }

  #block(): void {
    this.#forgetKey();
    this.#keyAllowed = true;
    const mark = this.#cursor.mark();
    this.#tokens.push({ kind: "scalar", text: scanBlock(this.#cursor, this.#indent), style: "block", mark });
  }
}
