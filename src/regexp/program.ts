import type { CharacterSet } from "./character-set.ts";
import { type Assertion, type Repetition, type Syntax, SyntaxFailure } from "./syntax.ts";

/** One step of a machine that is in many places at once; `next` and `other` are places of the program. */
export type Step =
  | { readonly kind: "match" }
  | { readonly kind: "set"; readonly set: CharacterSet; readonly next: number }
  | { readonly kind: "assertion"; readonly assertion: Assertion; readonly next: number }
  | { readonly kind: "split"; readonly next: number; readonly other: number };

export interface Program {
  readonly steps: readonly Step[];
  readonly start: number;
}

/** What a job file's expressions need is below a hundred; a test costs at most this many steps for each character. */
const MAX_STEPS = 10_000;

/** How deep an expression may be; each level is one of this program's own calls. */
const MAX_NESTING = 1_000;

/** @throws SyntaxFailure when it would be too large. */
export function compileSyntax(syntax: Syntax): Program {
  const writer = new Writer();
  const match = writer.add({ kind: "match" });
  return { start: writer.write(syntax, match, 0), steps: writer.steps };
}

/** Writes a program from its end to its beginning, so that each step knows what follows. */
class Writer {
  readonly steps: Step[] = [];

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
      case "group":
        return this.write(syntax.item, next, depth + 1);
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

  private writeRepetition({ item, min, max }: Repetition, next: number, depth: number): number {
    let place = max === Infinity ? this.writeLoop(item, next, depth) : next;
    // What may be left out may be left out with all that follows it.
    for (let count = min; max !== Infinity && count < max; count++) {
      place = this.add({ kind: "split", next: this.write(item, place, depth), other: next });
    }
    for (let count = 0; count < min; count++) place = this.write(item, place, depth);
    return place;
  }

  /** Any number of times. */
  private writeLoop(item: Syntax, next: number, depth: number): number {
    const loop = this.add({ kind: "split", next, other: next });
    this.steps[loop] = { kind: "split", next: this.write(item, loop, depth), other: next };
    return loop;
  }
}
