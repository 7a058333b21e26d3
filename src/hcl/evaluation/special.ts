import type { Expression } from "../ast.ts";
import { convert, Mismatch } from "../cty/convert.ts";
import { boolean, type Datum, isSequence } from "../cty/datum.ts";
import { SPECIAL_NAMES } from "../functions/special-names.ts";
import { CallFailure } from "./call.ts";
import type { Evaluation } from "./evaluation.ts";
import type { Scope } from "./scope.ts";
import { readType } from "./type-expression.ts";

type Call = Extract<Expression, { kind: "call" }>;
type Special = (evaluation: Evaluation, expression: Call, scope: Scope) => Datum | undefined;

const SPECIAL: Readonly<Record<(typeof SPECIAL_NAMES)[number], Special>> = {
  try: callTry,
  can: callCan,
  convert: callConvert,
};

export function isSpecial(name: string): name is (typeof SPECIAL_NAMES)[number] {
  return SPECIAL_NAMES.some((own) => own === name);
}

/** Calls one of them. @throws CallFailure. */
export function callSpecial(evaluation: Evaluation, expression: Call, scope: Scope): Datum | undefined {
  const { name } = expression;
  if (!isSpecial(name)) return undefined;
  if (expression.expand) return callExpanded(evaluation, expression, scope);
  return SPECIAL[name](evaluation, expression, scope);
}

/** With the items of a list as its last arguments: these are values, and have nothing left to fail. */
function callExpanded(evaluation: Evaluation, expression: Call, scope: Scope): Datum | undefined {
  const { name, args } = expression;
  const before = args.slice(0, -1);
  const last = args.at(-1);
  const found = last === undefined ? undefined : evaluation.compute(last, scope);
  if (found === undefined) return undefined;
  if (!isSequence(found)) {
    throw new CallFailure('what stands before "..." must be a list or a set', { argument: args.length - 1 });
  }
  if (name === "can" && before.length + found.items.length === 1) {
    return before.length === 1 ? callCan(evaluation, { ...expression, args: before }, scope) : boolean(true);
  }
  if (name !== "try") throw new CallFailure(`"${name}" takes no "..." here`);
  for (const arg of before) {
    const { value } = evaluation.attempt(arg, scope);
    if (value !== undefined) return value;
  }
  const [first] = found.items;
  if (first === undefined) return callTry(evaluation, { ...expression, args: before }, scope);
  return first;
}

/** How many failed attempts of `try` are told. */
const TOLD_ATTEMPTS = 5;

/** The first of the expressions that has a value. */
function callTry(evaluation: Evaluation, { args }: Call, scope: Scope): Datum | undefined {
  if (args.length === 0) throw new CallFailure('"try" takes at least 1 argument');
  const reasons: string[] = [];
  for (const arg of args) {
    const { value, diagnostics } = evaluation.attempt(arg, scope);
    if (value !== undefined) return value;
    const [first] = diagnostics;
    if (first !== undefined) reasons.push(`line ${first.span?.start.line}: ${first.message}`);
  }
  throw new CallFailure('none of the expressions of "try" has a value', {
    hint: reasons.slice(0, TOLD_ATTEMPTS).join("\n"),
  });
}

/** Whether an expression has a value. */
function callCan(evaluation: Evaluation, { args }: Call, scope: Scope): Datum | undefined {
  const [arg] = args;
  if (arg === undefined || args.length > 1) throw new CallFailure('"can" takes 1 argument');
  return boolean(evaluation.attempt(arg, scope).value !== undefined);
}

/** A value as one of the type that the second argument is. */
function callConvert(evaluation: Evaluation, { args }: Call, scope: Scope): Datum | undefined {
  const [arg, spelled] = args;
  if (arg === undefined || spelled === undefined || args.length > 2) {
    throw new CallFailure('"convert" takes 2 arguments: a value and a type');
  }
  const value = evaluation.compute(arg, scope);
  const type = readType(spelled, "open");
  if ("problem" in type) return evaluation.fail(type.span, type.problem, type.hint);
  if (value === undefined) return undefined;
  try {
    evaluation.budget.look(value);
    return convert(value, type);
  } catch (error) {
    if (!(error instanceof Mismatch)) throw error;
    throw new CallFailure(`argument "value" of "convert": ${error.message}`, { argument: 0 });
  }
}
