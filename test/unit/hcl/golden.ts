import type { Body } from "../../../src/hcl/ast.ts";
import type { Diagnostic } from "../../../src/hcl/diagnostic.ts";
import { evaluate, type Scope } from "../../../src/hcl/evaluate.ts";
import { parseHcl } from "../../../src/hcl/parser.ts";
import { renderDiagnostics } from "../../../src/hcl/render.ts";
import type { Value } from "../../../src/hcl/value.ts";

const NOTHING_KNOWN: Scope = () => undefined;

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
  const attributes = body.attributes.map(({ name, value }) => [name, toPlain(evaluate(value, NOTHING_KNOWN).value)]);
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
  const own = body.attributes.flatMap(({ value }) => evaluate(value, NOTHING_KNOWN).diagnostics);
  return [...own, ...body.blocks.flatMap((block) => evaluateBody(block.body))];
}
