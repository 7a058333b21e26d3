import type { Expression } from "../ast.ts";
import { convert, Mismatch } from "../cty/convert.ts";
import { unify } from "../cty/convertible.ts";
import { type Datum, typeOf } from "../cty/datum.ts";
import { describeType, type Type } from "../cty/type.ts";
import type { Evaluation } from "./evaluation.ts";
import { toBoolean } from "./operators.ts";
import type { Scope } from "./scope.ts";

type Conditional = Extract<Expression, { kind: "conditional" }>;

/**
 * The value of `condition ? yes : no`. What is not chosen is computed, too: both must be of types that have one in common, and the value
 * becomes one of that. What is wrong within it is not told.
 */
export function computeConditional(evaluation: Evaluation, expression: Conditional, scope: Scope): Datum | undefined {
  const { condition, yes, no, span } = expression;
  const chosenYes = computeChoice(evaluation, condition, scope);
  if (chosenYes === undefined) return undefined;
  const [chosen, other] = chosenYes ? [yes, no] : [no, yes];
  const value = evaluation.compute(chosen, scope);
  const { value: foil } = evaluation.attempt(other, scope);
  if (value === undefined || foil === undefined || isBareNull(foil)) return value;
  if (isBareNull(value)) return { kind: "null", type: typeOf(foil) };
  // The types of both are as large as the values.
  evaluation.budget.look(value);
  evaluation.budget.look(foil);
  const types = chosenYes ? [typeOf(value), typeOf(foil)] : [typeOf(foil), typeOf(value)];
  const common = unify(types, "any");
  if (common === undefined) {
    const [first, second] = types.map((type) => describeType(type));
    const found = first === second ? `two different kinds of ${first?.replace(/^an? /, "")}` : `${first} and ${second}`;
    return evaluation.fail(span, `both results of a conditional must be of one type, found ${found}`);
  }
  return convertChosen(evaluation, chosen, value, common);
}

function convertChosen(evaluation: Evaluation, chosen: Expression, value: Datum, common: Type): Datum | undefined {
  try {
    return convert(value, common);
  } catch (error) {
    if (!(error instanceof Mismatch)) throw error;
    return evaluation.fail(chosen.span, `this result does not fit the other one: ${error.message}`);
  }
}

function isBareNull(datum: Datum): boolean {
  return datum.kind === "null" && datum.type.kind === "any";
}

/**
 * The condition of a conditional, of `%{if}` or of a loop; undefined when there is none, which was told.
 * @param what messages call it.
 */
export function computeChoice(
  evaluation: Evaluation,
  condition: Expression,
  scope: Scope,
  what = "the condition",
): boolean | undefined {
  const value = evaluation.compute(condition, scope);
  if (value === undefined) return undefined;
  try {
    return toBoolean(value);
  } catch (error) {
    if (!(error instanceof Mismatch)) throw error;
    return evaluation.fail(condition.span, `${what}: ${error.message}`);
  }
}
