import { filterError, readWords, type Word } from "./words.ts";

/** What a filter asks of a thing. */
export type Condition =
  | { readonly kind: "and" | "or"; readonly left: Condition; readonly right: Condition }
  | { readonly kind: "not"; readonly condition: Condition }
  | {
      readonly kind: "match";
      readonly operator: Operator;
      /** Names of members, the outermost first. */
      readonly selector: readonly string[];
      /** "" where the operator takes none. */
      readonly value: string;
      /** Characters before it in the expression. */
      readonly at: number;
    };

/** `in` is what `contains` asks, too. */
export type Operator =
  | "=="
  | "!="
  | "in"
  | "not in"
  | "matches"
  | "not matches"
  | "empty"
  | "not empty"
  | "nil"
  | "not nil";

/** Characters of an expression. */
const LONGEST = 4_096;
/** Parentheses and `not`s within each other. */
const DEEPEST = 64;

/** Reads an expression of go-bexpr, as Nomad's lists take them, without `any` and `all`. @throws AppError `invalid`. */
export function parseFilter(text: string): Condition {
  if (text.length > LONGEST) throw filterError("", 0, `it is longer than ${LONGEST} characters`);
  const parser = new Parser(text);
  const condition = parser.either();
  parser.end();
  return condition;
}

class Parser {
  readonly #text: string;
  readonly #words: readonly Word[];
  #next = 0;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
    this.#words = readWords(text);
  }

  either(): Condition {
    const left = this.#both();
    return this.#takeName("or") ? { kind: "or", left, right: this.either() } : left;
  }

  end(): void {
    if (this.#word().kind !== "end") throw this.#fail("expected and, or, or the end");
  }

  #both(): Condition {
    const left = this.#negated();
    return this.#takeName("and") ? { kind: "and", left, right: this.#both() } : left;
  }

  #negated(): Condition {
    if (++this.#depth > DEEPEST) throw this.#fail("too many parentheses within each other");
    try {
      if (this.#isName("not") && this.#beginsCondition(1)) {
        this.#next++;
        return { kind: "not", condition: this.#negated() };
      }
      if (!this.#takeMark("(")) return this.#match();
      const inner = this.either();
      if (!this.#takeMark(")")) throw this.#fail("expected )");
      return inner;
    } finally {
      this.#depth--;
    }
  }

  /** A member may be called `not`: then an operator follows. */
  #beginsCondition(ahead: number): boolean {
    const { kind, text } = this.#word(ahead);
    return kind === "name" || kind === "text" || kind === "number" || text === "(";
  }

  #match(): Condition {
    const { at, kind, text } = this.#word();
    if ((text === "any" || text === "all") && kind === "name" && this.#word(1).kind === "name") {
      throw this.#fail("any and all are not supported");
    }
    const first = this.#operand();
    const operator = this.#operator();
    if (operator === "in" || operator === "not in") {
      const { names } = this.#operand();
      if (names === null) throw this.#fail("expected a selector");
      return { kind: "match", operator, selector: names, value: first.value, at };
    }
    if (first.names === null) throw filterError(this.#text, at, "expected a selector before the operator");
    const selector = first.names;
    if (operator === "contains" || operator === "not contains") {
      return {
        kind: "match",
        operator: operator === "contains" ? "in" : "not in",
        selector,
        value: this.#operand().value,
        at,
      };
    }
    const alone = operator.endsWith("empty") || operator.endsWith("nil");
    return { kind: "match", operator, selector, value: alone ? "" : this.#operand().value, at };
  }

  #operator(): Operator | "contains" | "not contains" {
    const { kind, text } = this.#word();
    if (kind === "mark" && (text === "==" || text === "!=")) {
      this.#next++;
      return text;
    }
    if (this.#takeName("is")) {
      const not = this.#takeName("not") ? "not " : "";
      if (this.#takeName("empty")) return not ? "not empty" : "empty";
      if (this.#takeName("nil")) return not ? "not nil" : "nil";
      throw this.#fail("expected empty or nil");
    }
    const not = this.#takeName("not");
    if (this.#takeName("in")) return not ? "not in" : "in";
    if (this.#takeName("contains")) return not ? "not contains" : "contains";
    if (this.#takeName("matches")) return not ? "not matches" : "matches";
    throw this.#fail("expected one of ==, !=, in, contains, matches, is, not");
  }

  /** A selector, which may be a value as well, or a value that is no selector. */
  #operand(): { readonly names: readonly string[] | null; readonly value: string } {
    const word = this.#word();
    if (word.kind === "number" || word.kind === "text") {
      this.#next++;
      // A path in quotes is a JSON pointer.
      const pointer = word.kind === "text" && /^(?:\/[\p{L}\p{N}\-_.~:|]+)+$/u.test(word.text);
      return { names: pointer ? word.text.slice(1).split("/") : null, value: word.text };
    }
    if (word.kind !== "name") throw this.#fail("expected a selector or a value");
    const begin = word.at;
    const names = [word.text];
    this.#next++;
    for (;;) {
      const { text, kind, apart } = this.#word();
      if (kind !== "mark" || apart || (text !== "." && text !== "[")) break;
      this.#next++;
      names.push(text === "." ? this.#member() : this.#index());
    }
    const end = this.#words[this.#next - 1];
    const value =
      names.length === 1 ? word.text : this.#text.slice(begin, end === undefined ? begin : end.at + end.text.length);
    return { names, value };
  }

  #member(): string {
    const { kind, text, apart } = this.#word();
    if (apart || (kind !== "name" && !(kind === "number" && /^\d+$/.test(text)))) throw this.#fail("expected a name");
    this.#next++;
    return text;
  }

  #index(): string {
    const { kind, text } = this.#word();
    if (kind !== "text") throw this.#fail('expected a name in quotes, as in Meta["name"]');
    this.#next++;
    if (!this.#takeMark("]")) throw this.#fail("expected ]");
    return text;
  }

  #word(ahead = 0): Word {
    const at = Math.min(this.#next + ahead, this.#words.length - 1);
    return this.#words[at] ?? { kind: "end", text: "", at: this.#text.length, apart: true };
  }

  #isName(text: string): boolean {
    const word = this.#word();
    return word.kind === "name" && word.text === text;
  }

  #takeName(text: string): boolean {
    const is = this.#isName(text);
    if (is) this.#next++;
    return is;
  }

  #takeMark(text: string): boolean {
    const { kind, text: found } = this.#word();
    const is = kind === "mark" && found === text;
    if (is) this.#next++;
    return is;
  }

  #fail(what: string): Error {
    return filterError(this.#text, this.#word().at, what);
  }
}
