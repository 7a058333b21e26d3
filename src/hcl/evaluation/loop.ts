import type { Expression, Loop } from "../ast.ts";
import { convert, Mismatch } from "../cty/convert.ts";
import { type Datum, describeDatum, isMapping, isSequence, iterate, object, tuple } from "../cty/datum.ts";
import { STRING } from "../cty/type.ts";
import { computeChoice } from "./choice.ts";
import { type Evaluation, quoteKey } from "./evaluation.ts";
import { type Scope, withNames } from "./scope.ts";

type For = Extract<Expression, { kind: "for" }>;

/** The value of `[for …]` or `{for …}`. */
export function computeFor(evaluation: Evaluation, expression: For, scope: Scope): Datum | undefined {
  const turns = computeTurns(evaluation, expression.loop, scope);
  return turns === undefined ? undefined : collect(evaluation, expression, turns);
}

/**
 * The scopes of the turns of a loop, with its names in each: one after the other, so that a loop that fails early costs little.
 * @returns undefined when there is nothing to go through, which was told.
 */
export function computeTurns(evaluation: Evaluation, loop: Loop, scope: Scope): Iterable<Scope> | undefined {
  const { keyName, valueName, collection } = loop;
  const found = evaluation.compute(collection, scope);
  if (found === undefined) return undefined;
  if (!isSequence(found) && !isMapping(found)) {
    const what = `a list, a set, a map or an object, not ${describeDatum(found)}`;
    return evaluation.fail(collection.span, `"for" goes through ${what}`);
  }
  const parts = iterate(found);
  evaluation.budget.work(parts.length);
  return (function* () {
    for (const [key, value] of parts) {
      evaluation.budget.work(1);
      yield withNames(
        scope,
        new Map([...(keyName === undefined ? [] : ([[keyName, key]] as const)), [valueName, value] as const]),
      );
    }
  })();
}

/** Stops at the first turn that fails: the others would mostly tell the same again. */
function collect(evaluation: Evaluation, expression: For, turns: Iterable<Scope>): Datum | undefined {
  const { key, value, condition, grouping } = expression;
  const items: Datum[] = [];
  const entries = new Map<string, Datum[]>();
  for (const turn of turns) {
    const taken = condition === undefined ? true : computeChoice(evaluation, condition, turn, 'the condition of "for"');
    if (taken === undefined) return undefined;
    if (!taken) continue;
    const name = key === undefined ? "" : computeKey(evaluation, key, turn);
    const item = evaluation.compute(value, turn);
    if (name === undefined || item === undefined) return undefined;
    if (key === undefined) items.push(item);
    else if (entries.has(name) && !grouping) return failTwice(evaluation, key, name);
    else {
      const group = entries.get(name);
      if (group === undefined) entries.set(name, [item]);
      else group.push(item);
    }
  }
  if (key === undefined) return tuple(items);
  const made = [...entries].map(([name, found]) => [name, grouping ? tuple(found) : (found[0] ?? tuple([]))] as const);
  return object(new Map(made));
}

function computeKey(evaluation: Evaluation, key: Expression, scope: Scope): string | undefined {
  const value = evaluation.compute(key, scope);
  return value === undefined ? undefined : asKey(evaluation, key, value);
}

/** A value as the key of an object; undefined for what is none, which is told. */
export function asKey(evaluation: Evaluation, key: Expression, value: Datum): string | undefined {
  try {
    const name = convert(value, STRING);
    if (name.kind === "string") return name.value;
    return evaluation.fail(key.span, "a key is text, not null");
  } catch (error) {
    if (!(error instanceof Mismatch)) throw error;
    return evaluation.fail(key.span, `a key is text, not ${describeDatum(value)}`);
  }
}

function failTwice(evaluation: Evaluation, key: Expression, name: string): undefined {
  const hint = 'put "..." behind the value to gather all values of a key in a list';
  return evaluation.fail(key.span, `"for" makes the key ${quoteKey(evaluation, key, name)} twice`, hint);
}
