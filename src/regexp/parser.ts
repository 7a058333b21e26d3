import { quote, readBracket, readNamedSet } from "./bracket.ts";
import { type CharacterSet, characterSet } from "./character-set.ts";
import { readCharacter, readEscape } from "./escape.ts";
import { type Flags, readExtension } from "./flags.ts";
import { readRepetition } from "./repetition.ts";
import { type Assertion, type Expression, type Syntax, SyntaxFailure } from "./syntax.ts";

/** Parentheses inside of each other, as in Go. */
const MAX_DEPTH = 1_000;

/** How often counted repetitions that stand inside of each other may repeat together, as in Go. */
const MAX_REPEATS = 1_000;

/** A group that is open: what was read of it, and what its end gives back. */
interface Level {
  readonly branches: Syntax[];
  items: Syntax[];
  /** The flags outside. */
  readonly outside: Flags;
  /** Of a group that is captured. */
  readonly index: number | undefined;
}

const ESCAPED_ASSERTIONS: Readonly<Record<string, Assertion>> = {
  A: "text-begin",
  b: "word-boundary",
  B: "no-word-boundary",
  z: "text-end",
};

/** @throws SyntaxFailure for what Go's `regexp` refuses. */
export function parseSyntax(source: string): Expression {
  return new Parser(source).parse();
}

class Parser {
  private at = 0;
  private flags: Flags = { fold: false, lines: false, dotNewline: false, ungreedy: false };
  private readonly names: string[] = [""];
  private readonly levels: Level[] = [];
  private level: Level = this.newLevel(undefined);
  /** Where the repetition began that was read last, when nothing followed it yet. */
  private repeated: number | undefined;
  /** Sets of one character that were made, by code point; below 0 those that do without the difference of case. */
  private readonly characters = new Map<number, CharacterSet>();

  constructor(private readonly source: string) {}

  parse(): Expression {
    while (this.at < this.source.length) {
      const before = this.at;
      const isRepetition = this.readOne();
      this.repeated = isRepetition ? before : undefined;
    }
    if (this.levels.length > 0) throw new SyntaxFailure("a ( has no )", "write \\( for the character itself");
    return { syntax: closeLevel(this.level), names: this.names };
  }

  /** @returns whether it was a repetition of what was before it. */
  private readOne(): boolean {
    const character = this.source[this.at] ?? "";
    switch (character) {
      case "(":
        this.open();
        return false;
      case ")":
        this.close();
        return false;
      case "|":
        this.level.branches.push(sequence(this.level.items));
        this.level.items = [];
        break;
      case "^":
        this.push({ kind: "assertion", assertion: this.flags.lines ? "line-begin" : "text-begin" });
        break;
      case "$":
        this.push({ kind: "assertion", assertion: this.flags.lines ? "line-end" : "text-end" });
        break;
      case ".":
        this.push({ kind: "set", set: anyCharacter(this.flags.dotNewline) });
        break;
      case "[": {
        const { set, end } = readBracket(this.source, this.at, this.flags.fold);
        this.push({ kind: "set", set });
        this.at = end;
        return false;
      }
      case "\\":
        this.readBackslash();
        return false;
      default:
        return this.readRepetitionOrCharacter();
    }
    this.at++;
    return false;
  }

  private readRepetitionOrCharacter(): boolean {
    const start = this.at;
    const repetition = readRepetition(this.source, start);
    if (repetition === undefined) {
      const { codePoint, end } = readCharacter(this.source, start);
      this.pushCharacter(codePoint);
      this.at = end;
      return false;
    }
    const { min, max, counted, lazy, end } = repetition;
    if (this.repeated !== undefined) {
      throw new SyntaxFailure(
        `${quote(this.source, this.repeated, end)} repeats a repetition`,
        "put the first one into ( )",
      );
    }
    const item = this.level.items.pop();
    if (item === undefined) {
      throw new SyntaxFailure(
        `${quote(this.source, start, end)} has nothing before it to repeat`,
        `write \\${this.source[start]} for the character itself`,
      );
    }
    const repeated: Syntax = { kind: "repetition", item, min, max, counted, greedy: lazy === this.flags.ungreedy };
    if (counted && (min >= 2 || max >= 2) && !mayRepeat(repeated, MAX_REPEATS)) {
      throw new SyntaxFailure(
        `${quote(this.source, start, end)} repeats more than ${MAX_REPEATS} times, with what it repeats`,
      );
    }
    this.push(repeated);
    this.at = end;
    return true;
  }

  private readBackslash(): void {
    const letter = this.source[this.at + 1] ?? "";
    const assertion = Object.hasOwn(ESCAPED_ASSERTIONS, letter) ? ESCAPED_ASSERTIONS[letter] : undefined;
    if (assertion !== undefined) {
      this.push({ kind: "assertion", assertion });
      this.at += 2;
      return;
    }
    if (letter === "Q") {
      this.readQuoted();
      return;
    }
    const named = readNamedSet(this.source, this.at);
    if (named !== undefined) {
      this.push({ kind: "set", set: characterSet([named.group], { fold: this.flags.fold, negated: false }) });
      this.at = named.end;
      return;
    }
    const { codePoint, end } = readEscape(this.source, this.at);
    this.pushCharacter(codePoint);
    this.at = end;
  }

  /** `\Q…\E`, or to the end: nothing in it is special. */
  private readQuoted(): void {
    const close = this.source.indexOf("\\E", this.at + 2);
    const text = this.source.slice(this.at + 2, close === -1 ? undefined : close);
    for (const character of text) this.pushCharacter(character.codePointAt(0) ?? 0);
    this.at = close === -1 ? this.source.length : close + 2;
  }

  private open(): void {
    const outside = this.flags;
    let name: string | undefined = "";
    if (this.source[this.at + 1] === "?") {
      const extension = readExtension(this.source, this.at, this.flags);
      this.flags = extension.flags;
      this.at = extension.end;
      if (extension.opens === "nothing") return;
      name = extension.opens === "capture" ? extension.name : undefined;
    } else this.at++;
    this.levels.push(this.level);
    if (this.levels.length > MAX_DEPTH) throw new SyntaxFailure(`more than ${MAX_DEPTH} ( are inside of each other`);
    this.level = this.newLevel(name === undefined ? undefined : this.names.push(name) - 1, outside);
  }

  private close(): void {
    const outer = this.levels.pop();
    if (outer === undefined) throw new SyntaxFailure("a ) has no (", "write \\) for the character itself");
    const { outside, index } = this.level;
    const item = closeLevel(this.level);
    this.flags = outside;
    this.level = outer;
    this.push(index === undefined ? item : { kind: "group", item, index });
    this.at++;
  }

  private newLevel(index: number | undefined, outside = this.flags): Level {
    return { branches: [], items: [], outside, index };
  }

  private push(item: Syntax): void {
    this.level.items.push(item);
  }

  private pushCharacter(codePoint: number): void {
    const { fold } = this.flags;
    const key = fold ? -1 - codePoint : codePoint;
    const group = { parts: [{ from: codePoint, to: codePoint }], negated: false };
    const set = this.characters.get(key) ?? characterSet([group], { fold, negated: false });
    this.characters.set(key, set);
    this.push({ kind: "set", set });
  }
}

function anyCharacter(newline: boolean): CharacterSet {
  return { has: (codePoint) => newline || codePoint !== 10 };
}

function closeLevel({ branches, items }: Level): Syntax {
  const last = sequence(items);
  return branches.length === 0 ? last : { kind: "choice", items: [...branches, last] };
}

function sequence(items: readonly Syntax[]): Syntax {
  const [first, ...others] = items;
  if (first === undefined) return { kind: "empty" };
  return others.length === 0 ? first : { kind: "sequence", items };
}

/** Whether the counts of counted repetitions, multiplied, stay within `most` on every way into the expression. */
function mayRepeat(syntax: Syntax, most: number): boolean {
  switch (syntax.kind) {
    case "empty":
    case "set":
    case "assertion":
      return true;
    case "group":
      return mayRepeat(syntax.item, most);
    case "sequence":
    case "choice":
      return syntax.items.every((item) => mayRepeat(item, most));
    case "repetition": {
      if (!syntax.counted) return mayRepeat(syntax.item, most);
      const times = syntax.max === Infinity ? syntax.min : syntax.max;
      if (syntax.max === 0) return true;
      if (times > most) return false;
      return mayRepeat(syntax.item, times > 0 ? Math.floor(most / times) : most);
    }
  }
}
