import type { Expression } from "../ast.ts";
import type { Budget } from "../budget.ts";
import type { Datum } from "../cty/datum.ts";
import type { Diagnostic } from "../diagnostic.ts";
import { HIDDEN, quoteName } from "../limits.ts";
import type { Span } from "../span.ts";
import { isWrittenOut } from "../syntax/references.ts";
import type { Scope } from "./scope.ts";

/** The evaluation of an expression as its parts see it. */
export interface Evaluation {
  readonly budget: Budget;
  /** Something that is not to be shown went into it: no message has a value that was computed. */
  readonly outside: boolean;
  /** The value, or undefined when it or a part of it could not be had, which was told. @throws Exhausted. */
  compute(expression: Expression, scope: Scope): Datum | undefined;
  /** Tells what is wrong. @returns undefined, to be returned. */
  fail(span: Span, message: string, hint?: string): undefined;
  /** What a computation gives, or undefined when what it is made of does not fit, which is told. */
  told<T>(span: Span, run: () => T): T | undefined;
  /** The value without a word about what is wrong: that is returned. */
  attempt(expression: Expression, scope: Scope): Attempt;
}

export interface Attempt {
  readonly value: Datum | undefined;
  readonly diagnostics: readonly Diagnostic[];
}

/** A key for messages; of one that was computed from what is not to be shown, nothing. @param written as it stands in the text. */
export function quoteKey({ outside }: Evaluation, written: Expression, key: string): string {
  return outside && !isWrittenOut(written) ? HIDDEN : quoteName(key);
}
