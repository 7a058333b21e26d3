import type { Expression, TemplatePart } from "../ast.ts";
import { convert, Mismatch } from "../cty/convert.ts";
import { type Datum, text, typeOf } from "../cty/datum.ts";
import { describeType, STRING } from "../cty/type.ts";
import { computeChoice } from "./choice.ts";
import type { Evaluation } from "./evaluation.ts";
import { computeTurns } from "./loop.ts";
import type { Scope } from "./scope.ts";

type Interpolation = Extract<TemplatePart, { kind: "interpolation" }>;

/** The value of a quoted string or heredoc: text, unless it is one interpolation alone, which gives its value as it is. */
export function computeTemplate(
  evaluation: Evaluation,
  { parts }: Extract<Expression, { kind: "template" }>,
  scope: Scope,
): Datum | undefined {
  const [only] = parts;
  if (parts.length === 1 && only?.kind === "interpolation") return computeInterpolation(evaluation, only, scope);
  const joined = joinParts(evaluation, parts, scope);
  return joined === undefined ? undefined : text(joined);
}

/** All parts are looked at, also behind one that fails. */
function joinParts(evaluation: Evaluation, parts: readonly TemplatePart[], scope: Scope): string | undefined {
  const texts = parts.map((part) => {
    const found = computePart(evaluation, part, scope);
    evaluation.budget.text(found?.length ?? 0);
    return found;
  });
  return texts.includes(undefined) ? undefined : texts.join("");
}

function computePart(evaluation: Evaluation, part: TemplatePart, scope: Scope): string | undefined {
  switch (part.kind) {
    case "text":
      return part.text;
    case "interpolation":
      return toText(evaluation, part, computeInterpolation(evaluation, part, scope));
    case "if": {
      const chosen = computeChoice(evaluation, part.condition, scope);
      return chosen === undefined ? undefined : joinParts(evaluation, chosen ? part.yes : part.no, scope);
    }
    case "for":
      return computeLoop(evaluation, part, scope);
  }
}

/** Stops at the first turn that fails. */
function computeLoop(
  evaluation: Evaluation,
  { loop, parts }: Extract<TemplatePart, { kind: "for" }>,
  scope: Scope,
): string | undefined {
  const turns = computeTurns(evaluation, loop, scope);
  if (turns === undefined) return undefined;
  const texts: string[] = [];
  for (const turn of turns) {
    const found = joinParts(evaluation, parts, turn);
    if (found === undefined) return undefined;
    texts.push(found);
  }
  return texts.join("");
}

/** The spelling between the braces is kept for the run time, white space included, unless there is more than the reference. */
function computeInterpolation(evaluation: Evaluation, part: Interpolation, scope: Scope): Datum | undefined {
  const { expression, source } = part;
  const spelled = expression.kind === "traversal" && source.trim() === expression.source;
  return evaluation.compute(spelled ? { ...expression, source } : expression, scope);
}

function toText(evaluation: Evaluation, part: Interpolation, value: Datum | undefined): string | undefined {
  if (value === undefined) return undefined;
  const refuse = (what: string) => evaluation.fail(part.span, `${what} cannot be put into text`);
  if (value.kind === "null") return refuse("null");
  try {
    const converted = convert(value, STRING);
    return converted.kind === "string" ? converted.value : undefined;
  } catch (error) {
    if (!(error instanceof Mismatch)) throw error;
    return refuse(describeType(typeOf(value)));
  }
}
