import { holds } from "./assertion.ts";
import { parseSyntax } from "./parser.ts";
import { compileSyntax, type Program, type Step } from "./program.ts";
import { findMatch, type Match, type OnWork } from "./search.ts";
import { SyntaxFailure } from "./syntax.ts";

/** An expression that can be looked for. */
export interface Regexp {
  /** The names of its groups by their index; "" for those without. The whole match is group 0. */
  readonly names: readonly string[];
  /** Steps of its program, which is what it took to make it. */
  readonly size: number;
  /**
   * Whether it matches anywhere in a text. The time is at most proportional to the text's length times the expression's.
   * @param work what may still be done; less of it is left then. A tenth of a second's unless told.
   * @returns undefined when that is more than anybody should wait for.
   */
  test(text: string, work?: { left: number }): boolean | undefined;
  /**
   * The leftmost match that begins at `from` or behind it, as Perl would find it. A text with half of a surrogate pair is not looked at as
   * it is: make it well-formed before.
   * @param onWork told how many steps were taken; may throw to stop.
   */
  find(text: string, from: number, onWork: OnWork): Match | undefined;
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
    const { syntax, names } = parseSyntax(pattern.toWellFormed());
    const program = compileSyntax(syntax, true);
    let withoutGroups: Program | undefined;
    const regexp: Regexp = {
      names,
      size: program.steps.length,
      test: (text, work = { left: MAX_WORK }) => {
        withoutGroups ??= compileSyntax(syntax, false);
        const needed = withoutGroups.steps.length * (text.length + 1);
        if (needed > Math.min(work.left, MAX_WORK)) return undefined;
        work.left -= needed;
        return runProgram(withoutGroups, text.toWellFormed());
      },
      find: (text, from, onWork) => findMatch(program, names.length, text, from, onWork),
    };
    return { ok: true, regexp };
  } catch (error) {
    if (!(error instanceof SyntaxFailure)) throw error;
    return { ok: false, message: error.message, hint: error.hint };
  }
}

/** Walks through the text once, in all places of the program at which a match may be. */
function runProgram({ steps, start }: Program, text: string): boolean {
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
      else if (step.kind === "save") open.push(step.next);
      else if (holds(step.assertion, before, after)) open.push(step.next);
    }
    return false;
  }
}
