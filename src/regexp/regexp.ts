import { parseSyntax } from "./parser.ts";
import { compileSyntax, type Program, type Step } from "./program.ts";
import { type Assertion, SyntaxFailure } from "./syntax.ts";

/** An expression that can be tested. */
export interface Regexp {
  /**
   * Whether it matches anywhere in a text. The time is at most proportional to the text's length times the expression's.
   * @returns undefined when that is more than anybody should wait for.
   */
  test(text: string): boolean | undefined;
}

export type CompiledRegexp =
  | { readonly ok: true; readonly regexp: Regexp }
  /** Why it is none, in words, and what to do about it. */
  | { readonly ok: false; readonly message: string; readonly hint: string | undefined };

/** In UTF-16 code units; a set in brackets may be as long as its pattern and still be one step. */
const MAX_PATTERN = 65_536;

/** Steps of the longest test: a tenth of a second. */
const MAX_WORK = 4_000_000;

/**
 * Reads a regular expression of Go's `regexp` (RE2's syntax with Perl's classes). It has its meaning and none of JavaScript's: `\d` and
 * `\b` are of ASCII, `$` is the end of the text, `(?i)` folds as Unicode does. Nothing is tried twice, so no expression takes
 * exponential time.
 */
export function compileRegexp(pattern: string): CompiledRegexp {
  try {
    if (pattern.length > MAX_PATTERN) throw new SyntaxFailure(`it is longer than ${MAX_PATTERN} characters`);
    const program = compileSyntax(parseSyntax(pattern.toWellFormed()));
    return { ok: true, regexp: { test: (text) => runProgram(program, text.toWellFormed()) } };
  } catch (error) {
    if (!(error instanceof SyntaxFailure)) throw error;
    return { ok: false, message: error.message, hint: error.hint };
  }
}

/** Walks through the text once, in all places of the program at which a match may be. */
function runProgram({ steps, start }: Program, text: string): boolean | undefined {
  if (steps.length * text.length > MAX_WORK) return undefined;
  let here = new Places(steps);
  let next = new Places(steps);
  let before: number | undefined;
  let at = 0;
  while (true) {
    const after = text.codePointAt(at);
    if (here.enter(start, before, after)) return true;
    if (after === undefined) return false;
    at += after > 0xffff ? 2 : 1;
    const following = text.codePointAt(at);
    next.clear();
    for (const place of here.waiting()) {
      const step = steps[place];
      if (step?.kind === "set" && step.set.has(after) && next.enter(step.next, after, following)) return true;
    }
    [here, next] = [next, here];
    before = after;
  }
}

/** Places of a program that wait for the next character, each of them once. */
class Places {
  private readonly seen: Uint32Array;
  private round = 1;
  private places: number[] = [];
  private readonly open: number[] = [];

  constructor(private readonly steps: readonly Step[]) {
    this.seen = new Uint32Array(steps.length);
  }

  clear(): void {
    this.round++;
    this.places.length = 0;
  }

  waiting(): readonly number[] {
    return this.places;
  }

  /**
   * Adds a place and all that can be reached from it without a character, between `before` and `after`.
   * @returns whether the end of the program is among them.
   */
  enter(place: number, before: number | undefined, after: number | undefined): boolean {
    // Most are there already: nothing is made for them.
    if (this.seen[place] === this.round) return false;
    const { open } = this;
    open.push(place);
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      const step = this.steps[at];
      if (step === undefined || this.seen[at] === this.round) continue;
      this.seen[at] = this.round;
      if (step.kind === "match") return true;
      if (step.kind === "set") this.places.push(at);
      else if (step.kind === "split") open.push(step.other, step.next);
      else if (holds(step.assertion, before, after)) open.push(step.next);
    }
    return false;
  }
}

const NEWLINE = 10;

/** @param before undefined at the beginning of the text. @param after undefined at its end. */
function holds(assertion: Assertion, before: number | undefined, after: number | undefined): boolean {
  switch (assertion) {
    case "text-begin":
      return before === undefined;
    case "text-end":
      return after === undefined;
    case "line-begin":
      return before === undefined || before === NEWLINE;
    case "line-end":
      return after === undefined || after === NEWLINE;
    case "word-boundary":
      return isWord(before) !== isWord(after);
    case "no-word-boundary":
      return isWord(before) === isWord(after);
  }
}

function isWord(codePoint: number | undefined): boolean {
  return codePoint !== undefined && codePoint < 0x80 && /\w/.test(String.fromCharCode(codePoint));
}
