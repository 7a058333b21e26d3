import type { CharacterSet } from "./character-set.ts";
import { type Assertion, type Repetition, type Syntax, SyntaxFailure } from "./syntax.ts";

/** One step of a machine that is in many places at once; `next` and `other` are places of the program. */
export type Step =
  | { readonly kind: "match" }
  | { readonly kind: "set"; readonly set: CharacterSet; readonly next: number }
  | { readonly kind: "assertion"; readonly assertion: Assertion; readonly next: number }
  /** Both are gone on with; `next` is preferred. */
  | { readonly kind: "split"; readonly next: number; readonly other: number }
  /** Where a group begins or ends: the place in the text is kept in a slot. */
  | { readonly kind: "save"; readonly slot: number; readonly next: number };

export interface Program {
  readonly steps: readonly Step[];
  readonly start: number;
}

/** What a job file's expressions need is below a hundred; a test costs at most this many steps for each character. */
const MAX_STEPS = 10_000;

/** How deep an expression may be; each level is one of this program's own calls. */
const MAX_NESTING = 1_000;

/**
 * @param groups whether the program keeps where its groups are: what only says whether something matches has fewer steps.
 * @throws SyntaxFailure when it would be too large.
 */
export function compileSyntax(syntax: Syntax, groups: boolean): Program {
  const writer = new Writer(groups);
  const match = writer.add({ kind: "match" });
  return { start: writer.write(syntax, match, 0), steps: writer.steps };
}

/** Writes a program from its end to its beginning, so that each step knows what follows. */
class Writer {
  readonly steps: Step[] = [];

  constructor(private readonly groups: boolean) {}

  add(step: Step): number {
    if (this.steps.length >= MAX_STEPS) {
      throw new SyntaxFailure(`the expression is too large: it has more than ${MAX_STEPS} steps`, "use smaller counts");
    }
    return this.steps.push(step) - 1;
  }

  /** @returns where what was written begins. */
  write(syntax: Syntax, next: number, depth: number): number {
    if (depth > MAX_NESTING) throw new SyntaxFailure(`the expression is nested more than ${MAX_NESTING} deep`);
    switch (syntax.kind) {
      case "empty":
        return next;
      case "set":
        return this.add({ kind: "set", set: syntax.set, next });
      case "assertion":
        return this.add({ kind: "assertion", assertion: syntax.assertion, next });
      case "group": {
        if (!this.groups) return this.write(syntax.item, next, depth + 1);
        const end = this.add({ kind: "save", slot: 2 * syntax.index + 1, next });
        return this.add({ kind: "save", slot: 2 * syntax.index, next: this.write(syntax.item, end, depth + 1) });
      }
      case "sequence":
        return syntax.items.reduceRight((place, item) => this.write(item, place, depth + 1), next);
      case "choice":
        return syntax.items
          .map((item) => this.write(item, next, depth + 1))
          .reduceRight((other, place) => this.add({ kind: "split", next: place, other }));
      case "repetition":
        return this.writeRepetition(syntax, next, depth + 1);
    }
  }

  private writeRepetition(repetition: Repetition, next: number, depth: number): number {
    const { item, min, max, greedy } = repetition;
    let place = max === Infinity ? this.writeLoop(repetition, next, depth) : next;
    // What may be left out may be left out with all that follows it.
    for (let count = min; max !== Infinity && count < max; count++) {
      place = this.add(split(this.write(item, place, depth), next, greedy));
    }
    // The loop is the last of those that there must be.
    for (let count = max === Infinity ? 1 : 0; count < min; count++) place = this.write(item, place, depth);
    return place;
  }

  /** Any number of times, or at least once. */
  private writeLoop({ item, min, greedy }: Repetition, next: number, depth: number): number {
    const loop = this.add(split(next, next, greedy));
    const body = this.write(item, loop, depth);
    this.steps[loop] = split(body, next, greedy);
    if (min > 0) return body;
    // What may be empty is tried once at least: an empty turn of it is one as well.
    return canBeEmpty(item) ? this.add(split(body, next, greedy)) : loop;
  }
}

/** @param into the step that begins what is repeated. @param past the step behind it. */
function split(into: number, past: number, greedy: boolean): Step {
  return greedy ? { kind: "split", next: into, other: past } : { kind: "split", next: past, other: into };
}

function canBeEmpty(syntax: Syntax): boolean {
  switch (syntax.kind) {
    case "set":
      return false;
    case "group":
      return canBeEmpty(syntax.item);
    case "sequence":
      return syntax.items.every(canBeEmpty);
    case "choice":
      return syntax.items.some(canBeEmpty);
    case "repetition":
      return syntax.min === 0 || canBeEmpty(syntax.item);
    default:
      return true;
  }
}
