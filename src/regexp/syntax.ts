import type { CharacterSet } from "./character-set.ts";

/** What holds between two characters; words are of ASCII letters, digits and `_`, as RE2 has it. */
export type Assertion = "text-begin" | "text-end" | "line-begin" | "line-end" | "word-boundary" | "no-word-boundary";

/** An expression, parsed. */
export type Syntax =
  | { readonly kind: "empty" }
  | { readonly kind: "set"; readonly set: CharacterSet }
  | { readonly kind: "assertion"; readonly assertion: Assertion }
  | { readonly kind: "group"; readonly item: Syntax; readonly index: number }
  | { readonly kind: "sequence"; readonly items: readonly Syntax[] }
  | { readonly kind: "choice"; readonly items: readonly Syntax[] }
  | Repetition;

/** An expression with the names of its groups by their index; "" for those without. The whole match is group 0. */
export interface Expression {
  readonly syntax: Syntax;
  readonly names: readonly string[];
}

export interface Repetition {
  readonly kind: "repetition";
  readonly item: Syntax;
  readonly min: number;
  /** Infinity for no limit. */
  readonly max: number;
  /** Written as `{n,m}`: only those count for the limit of nested repetitions. */
  readonly counted: boolean;
  /** Whether as many as fit are taken, or as few. */
  readonly greedy: boolean;
}

/** Says why a text is no expression; `compileRegexp` alone catches it. */
export class SyntaxFailure extends Error {
  readonly hint: string | undefined;

  constructor(message: string, hint?: string) {
    super(message);
    this.hint = hint;
  }
}
