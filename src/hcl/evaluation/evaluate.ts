import type { Expression, ObjectItem } from "../ast.ts";
import { Budget, Exhausted } from "../budget.ts";
import { Mismatch } from "../cty/convert.ts";
import { boolean, type Datum, describeDatum, isSequence, NULL, number, object, tuple } from "../cty/datum.ts";
import { parseNumber, ZERO } from "../cty/number.ts";
import type { Type } from "../cty/type.ts";
import type { Diagnostic } from "../diagnostic.ts";
import type { FunctionTable } from "../functions/function.ts";
import { quoteName } from "../limits.ts";
import type { Span } from "../span.ts";
import { memberOf } from "../syntax/references.ts";
import type { Value } from "../value.ts";
import { NoPart } from "./access.ts";
import { CallFailure, call, findFunction } from "./call.ts";
import { computeConditional } from "./choice.ts";
import { type Attempt, type Evaluation, quoteKey } from "./evaluation.ts";
import { asKey, computeFor } from "./loop.ts";
import { applyBinary, applyUnary, inRange, operandType, toOperand } from "./operators.ts";
import { placeDatum } from "./place.ts";
import type { Scope } from "./scope.ts";
import { callSpecial, isSpecial } from "./special.ts";
import { takeSteps } from "./steps.ts";
import { computeTemplate } from "./template.ts";

type Expr<K extends Expression["kind"]> = Extract<Expression, { kind: K }>;

/** What the expressions of one file have in common. */
export interface Surroundings {
  readonly functions: FunctionTable;
  readonly budget: Budget;
  /** The file is in HCL's JSON syntax, which hints spell then. */
  readonly json?: boolean;
}

/** Without functions, for files in which none can be called. */
export function withoutFunctions(): Surroundings {
  return { functions: new Map(), budget: new Budget() };
}

export interface Computed {
  /** Undefined when the value or a part of it could not be had, which was told here or by the parser. */
  readonly value: Datum | undefined;
  readonly diagnostics: readonly Diagnostic[];
  /** It was computed from what is not to be shown. */
  readonly outside: boolean;
}

/**
 * Computes the value of an expression by the rules of HCL. A reference whose root the scope does not know becomes the text `${…}`,
 * spelled as it was, for interpolation at run time. Never throws; all that is wrong in different parts is told at once.
 */
export function compute(expression: Expression, scope: Scope, surroundings: Surroundings): Computed {
  const { budget } = surroundings;
  if (budget.spent) return { value: undefined, diagnostics: [], outside: false };
  const evaluator = new Evaluator(surroundings);
  try {
    const value = evaluator.compute(expression, scope);
    return { value, diagnostics: evaluator.diagnostics, outside: evaluator.outside };
  } catch (error) {
    if (!(error instanceof Exhausted)) throw error;
    const message = budget.explain(error);
    if (message !== undefined) evaluator.fail(expression.span, message);
    return { value: undefined, diagnostics: evaluator.diagnostics, outside: evaluator.outside };
  }
}

export interface Evaluated {
  /** As `Computed` has it, with its places in the text. */
  readonly value: Value | undefined;
  readonly diagnostics: readonly Diagnostic[];
}

/** As `compute`, for a value that somebody reads: it has its places in the text, and is not too large to be written out. */
export function evaluate(expression: Expression, scope: Scope, surroundings: Surroundings): Evaluated {
  const { value, diagnostics, outside } = compute(expression, scope, surroundings);
  if (value === undefined) return { value, diagnostics };
  try {
    // Its parts may be one and the same value many times over: written out they are not.
    surroundings.budget.look(value);
  } catch (error) {
    if (!(error instanceof Exhausted)) throw error;
    const message = surroundings.budget.explain(error);
    const { span } = expression;
    return { value: undefined, diagnostics: message === undefined ? [] : [{ severity: "error", span, message }] };
  }
  return { value: placeDatum(value, expression, outside), diagnostics };
}

class Evaluator implements Evaluation {
  readonly diagnostics: Diagnostic[] = [];
  readonly budget: Budget;
  outside = false;
  readonly #functions: FunctionTable;

  constructor({ functions, budget }: Surroundings) {
    this.#functions = functions;
    this.budget = budget;
  }

  compute(expression: Expression, scope: Scope): Datum | undefined {
    this.budget.work(1);
    switch (expression.kind) {
      case "invalid":
        return undefined;
      case "literal":
        return expression.value === null ? NULL : boolean(expression.value);
      case "number":
        return this.told(expression.span, () => number(inRange(() => parseNumber(expression.text) ?? ZERO)));
      case "template":
        return computeTemplate(this, expression, scope);
      case "list":
        return this.#list(expression, scope);
      case "object":
        return this.#object(expression, scope);
      case "traversal":
        return this.#traversal(expression, scope);
      case "access":
        return this.#access(expression, scope);
      case "call":
        return this.#call(expression, scope);
      case "unary": {
        const operand = this.compute(expression.operand, scope);
        if (operand === undefined) return undefined;
        return this.told(expression.operand.span, () => applyUnary(expression.operator, operand));
      }
      case "operation":
        return this.#operation(expression, scope);
      case "conditional":
        return computeConditional(this, expression, scope);
      case "for": {
        const made = computeFor(this, expression, scope);
        return made === undefined ? undefined : this.budget.made(made);
      }
    }
  }

  fail(span: Span, message: string, hint?: string): undefined {
    this.diagnostics.push({ severity: "error", span, message, hint });
  }

  attempt(expression: Expression, scope: Scope): Attempt {
    const evaluator = new Evaluator({ functions: this.#functions, budget: this.budget });
    const value = evaluator.compute(expression, scope);
    this.outside ||= evaluator.outside;
    return { value, diagnostics: evaluator.diagnostics };
  }

  told<T>(span: Span, run: () => T): T | undefined {
    try {
      return run();
    } catch (error) {
      if (error instanceof NoPart) return this.fail(span, error.message, error.hint);
      if (error instanceof Mismatch) return this.fail(span, error.message);
      throw error;
    }
  }

  #list({ items }: Expr<"list">, scope: Scope): Datum | undefined {
    const found = items.map((item) => this.compute(item, scope));
    const values = found.filter((value) => value !== undefined);
    return values.length < found.length ? undefined : this.budget.made(tuple(values));
  }

  #object({ entries }: Expr<"object">, scope: Scope): Datum | undefined {
    const found = new Map<string, { readonly key: Expression; readonly value: Datum }>();
    let failed = false;
    for (const { key, value } of entries) {
      const name = this.#key(key, scope);
      const item = this.compute(value, scope);
      failed ||= name === undefined || item === undefined;
      if (name === undefined) continue;
      const first = found.get(name);
      if (first !== undefined) this.#warnTwice(name, key, first.key.span);
      found.set(name, { key: first?.key ?? key, value: item ?? NULL });
    }
    if (failed) return undefined;
    return this.budget.made(object(new Map([...found].map(([name, { value }]) => [name, value]))));
  }

  #key(key: ObjectItem["key"], scope: Scope): string | undefined {
    const value = this.compute(key, scope);
    return value === undefined ? undefined : asKey(this, key, value);
  }

  #warnTwice(name: string, key: Expression, first: Span): void {
    const { line, column } = first.start;
    const shown = quoteKey(this, key, name);
    const message = `key ${shown} stands twice in this object and the last one counts; first on line ${line}, column ${column}`;
    this.diagnostics.push({ severity: "warning", span: key.span, message });
  }

  #operation({ first, rest, span }: Expr<"operation">, scope: Scope): Datum | undefined {
    let left = this.compute(first, scope);
    let end = first.span.end;
    for (const { operator, operand } of rest) {
      const type = operandType(operator);
      const before = this.#operand(left, { ...span, end }, type);
      const right = this.#operand(this.compute(operand, scope), operand.span, type);
      end = operand.span.end;
      left = undefined;
      if (before === undefined || right === undefined) continue;
      this.budget.look(before);
      left = this.told({ ...span, end }, () => applyBinary(operator, before, right));
    }
    return left;
  }

  #operand(value: Datum | undefined, span: Span, type: Type | undefined): Datum | undefined {
    return value === undefined ? undefined : this.told(span, () => toOperand(value, type));
  }

  #traversal({ root, steps, source, span }: Expr<"traversal">, scope: Scope): Datum | undefined {
    const member = memberOf({ steps });
    const found = scope(root, member);
    if (found === undefined) return this.#leave(root, source, span);
    if (found.kind === "failed") return undefined;
    if (found.kind === "problem") return this.fail(span, found.message, found.hint);
    this.outside ||= found.outside === true;
    const [rest, path] = found.kind === "member" ? [steps.slice(1), `${root}.${member}`] : [steps, root];
    return takeSteps(this, found.value, rest, { path, span, scope });
  }

  #leave(root: string, source: string, span: Span): Datum | undefined {
    if (root === "var" || root === "local") {
      return this.fail(
        span,
        `no ${root === "var" ? "variables" : "locals"} are known here: ${quoteName(source.trim())}`,
      );
    }
    return this.budget.made({ kind: "string", value: `\${${source}}` });
  }

  #access({ base, steps, span }: Expr<"access">, scope: Scope): Datum | undefined {
    const value = this.compute(base, scope);
    if (value === undefined) return undefined;
    const path = base.kind === "traversal" ? base.source : undefined;
    return takeSteps(this, value, steps, { path, span, scope });
  }

  #call(expression: Expr<"call">, scope: Scope): Datum | undefined {
    const { name, nameSpan, args, expand, span } = expression;
    const spans = args.map((arg) => arg.span);
    try {
      if (isSpecial(name) && this.#functions.size > 0) return callSpecial(this, expression, scope);
      const spec = findFunction(name, this.#functions, this.budget);
      const values = args.map((arg) => this.compute(arg, scope));
      const found = values.filter((value) => value !== undefined);
      if (found.length < values.length) return undefined;
      return call(name, spec, expand ? this.#expand(found) : found, this.budget);
    } catch (error) {
      if (!(error instanceof CallFailure)) throw error;
      const { argument } = error;
      const last = expand ? spans.at(-1) : undefined;
      const at = argument === undefined ? undefined : (spans[argument] ?? last ?? span);
      const detail = error.detail === undefined || this.outside ? "" : `: ${error.detail}`;
      return this.fail(at ?? nameSpan, error.message + detail, error.hint);
    }
  }

  /** @throws CallFailure. */
  #expand(args: readonly Datum[]): Datum[] {
    const last = args.at(-1);
    if (last !== undefined && isSequence(last)) return [...args.slice(0, -1), ...last.items];
    const message = `what stands before "..." must be a list or a set, found ${describeDatum(last ?? NULL)}`;
    throw new CallFailure(message, { argument: args.length - 1 });
  }
}
