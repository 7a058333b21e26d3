import type { AccessStep } from "../ast.ts";
import { type Datum, isSequence, list, tuple, typeOf } from "../cty/datum.ts";
import { ANY } from "../cty/type.ts";
import { quoteName } from "../limits.ts";
import type { Span } from "../span.ts";
import { isWrittenOut } from "../syntax/references.ts";
import { attributeOf, partAt, spellKey } from "./access.ts";
import type { Evaluation } from "./evaluation.ts";
import type { Scope } from "./scope.ts";

/** Where steps are taken. */
interface Place {
  /** What the value is called; undefined for one without a name. */
  readonly path: string | undefined;
  /** The whole expression, for messages. */
  readonly span: Span;
  readonly scope: Scope;
}

/** The part of a value that steps lead to; undefined when there is none, which was told. */
export function takeSteps(
  evaluation: Evaluation,
  start: Datum,
  steps: readonly AccessStep[],
  { path, span, scope }: Place,
): Datum | undefined {
  let value = start;
  let called = path;
  for (const step of steps) {
    const from = value;
    const { budget, outside } = evaluation;
    const name = called === undefined ? "this value" : quoteName(called);
    const subject = { name, budget, hidden: outside, hiddenKey: false };
    let next: Datum | undefined;
    let spelled = "[*]";
    if (step.kind === "splat") next = takeOfEach(evaluation, from, step.each, { path: called, span, scope });
    else if (step.kind === "attribute") {
      spelled = `.${step.name}`;
      next = evaluation.told(span, () => attributeOf(from, step.name, subject));
    } else {
      const key = evaluation.compute(step.key, scope);
      if (key === undefined) return undefined;
      const hiddenKey = evaluation.outside && !isWrittenOut(step.key);
      spelled = hiddenKey ? "[…]" : `[${spellKey(key)}]`;
      const at = { ...subject, hidden: evaluation.outside, hiddenKey };
      next = evaluation.told(key.kind === "null" ? step.key.span : span, () => partAt(from, key, at));
    }
    if (next === undefined) return undefined;
    value = next;
    called = called === undefined ? undefined : called + spelled;
  }
  return value;
}

/** A splat of what is no list is one of a list of it, and null gives nothing. */
function takeOfEach(
  evaluation: Evaluation,
  value: Datum,
  each: readonly AccessStep[],
  { path, span, scope }: Place,
): Datum | undefined {
  if (value.kind === "null") {
    const { kind } = value.type;
    if (kind !== "list" && kind !== "set" && kind !== "tuple") return tuple([]);
    return evaluation.fail(span, "a splat goes through a list, not null");
  }
  const parts: Datum[] = [];
  for (const item of isSequence(value) ? value.items : [value]) {
    evaluation.budget.work(1);
    const called = path === undefined ? undefined : `${path}[*]`;
    const part = takeSteps(evaluation, item, each, { path: called, span, scope });
    if (part === undefined) return undefined;
    parts.push(part);
  }
  if (value.kind !== "list" && value.kind !== "set") return evaluation.budget.made(tuple(parts));
  const [first] = parts;
  const element = each.length === 0 ? value.element : first === undefined ? ANY : typeOf(first);
  return evaluation.budget.made(list(element, parts));
}
