import type { Body, Expression } from "../../../src/hcl/ast.ts";
import { Budget } from "../../../src/hcl/budget.ts";
import type { Diagnostic } from "../../../src/hcl/diagnostic.ts";
import { compute } from "../../../src/hcl/evaluation/evaluate.ts";
import { placeDatum } from "../../../src/hcl/evaluation/place.ts";
import { NOTHING_KNOWN, type Scope } from "../../../src/hcl/evaluation/scope.ts";
import { FUNCTIONS } from "../../../src/hcl/functions/table.ts";
import { parseHcl } from "../../../src/hcl/parser.ts";
import { renderDiagnostics } from "../../../src/hcl/render.ts";
import type { Value } from "../../../src/hcl/value.ts";

/** What a value is and what was told of it, in a file of its own. */
export interface Evaluated {
  readonly value: Value;
  readonly diagnostics: readonly Diagnostic[];
  readonly failed: boolean;
}

/** Evaluates an expression with all functions that look at no file; null stands for what has no value. */
export function evaluate(
  expression: Expression,
  scope: Scope = NOTHING_KNOWN,
  budget: Budget = new Budget(),
): Evaluated {
  const { value, diagnostics } = compute(expression, scope, { functions: FUNCTIONS, budget });
  const failed = value === undefined;
  return {
    value: failed ? { kind: "null", span: expression.span } : placeDatum(value, expression),
    diagnostics,
    failed,
  };
}

/** A value as plain JSON; a number that a double cannot hold comes out as its text. */
export function toPlain(value: Value): unknown {
  switch (value.kind) {
    case "null":
      return null;
    case "number":
      return Number.isSafeInteger(value.value) || value.text.length < 16 ? value.value : value.text;
    case "list":
      return value.items.map(toPlain);
    case "object":
      return Object.fromEntries(value.entries.map((entry) => [entry.key, toPlain(entry.value)]));
    default:
      return value.value;
  }
}

/** What a text says, without positions. @throws Error with the rendered diagnostics when there are any. */
export function parsePlain(file: string, text: string): unknown {
  const errors = renderErrors(file, text);
  if (errors !== "") throw new Error(errors);
  return plainBody(parseHcl(file, text).body);
}

function plainBody(body: Body): Record<string, unknown> {
  const attributes = body.attributes.map(({ name, value }) => [name, toPlain(evaluate(value).value)]);
  const blocks = body.blocks.map((block) => ({
    type: block.type,
    labels: block.labels.map(({ text }) => text),
    ...plainBody(block.body),
  }));
  return {
    ...(attributes.length > 0 ? { attributes: Object.fromEntries(attributes) } : {}),
    ...(blocks.length > 0 ? { blocks } : {}),
  };
}

/** The diagnostics of parsing a text and evaluating all of it, as a person sees them. */
export function renderErrors(file: string, text: string): string {
  const { body, diagnostics, source } = parseHcl(file, text);
  return renderDiagnostics([...diagnostics, ...evaluateBody(body)], new Map([[file, source]]));
}

function evaluateBody(body: Body): Diagnostic[] {
  const own = body.attributes.flatMap(({ value }) => evaluate(value).diagnostics);
  return [...own, ...body.blocks.flatMap((block) => evaluateBody(block.body))];
}
