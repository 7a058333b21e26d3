import type { AccessStep, Expression, Loop, TemplatePart } from "../ast.ts";

type Traversal = Extract<Expression, { kind: "traversal" }>;

/** An expression and all that it is made of, in no particular order. */
export function expressionsIn(expression: Expression): Expression[] {
  const found: Expression[] = [];
  const open: Expression[] = [expression];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    found.push(next);
    for (const part of partsOf(next)) open.push(part);
  }
  return found;
}

/** All references in an expression, in no particular order; those to names of its own loops, too. */
export function referencesIn(expression: Expression): Traversal[] {
  return expressionsIn(expression).filter((part) => part.kind === "traversal");
}

function partsOf(expression: Expression): readonly Expression[] {
  switch (expression.kind) {
    case "template":
      return expression.parts.flatMap(partsOfTemplate);
    case "list":
      return expression.items;
    case "object":
      return expression.entries.flatMap(({ key, value }) => [key, value]);
    case "access":
      return [expression.base, ...expression.steps.flatMap(partsOfStep)];
    case "call":
      return expression.args;
    case "unary":
      return [expression.operand];
    case "operation":
      return [expression.first, ...expression.rest.map(({ operand }) => operand)];
    case "conditional":
      return [expression.condition, expression.yes, expression.no];
    case "for": {
      const { loop, key, value, condition } = expression;
      return [...partsOfLoop(loop), value, ...[key, condition].filter((part) => part !== undefined)];
    }
    default:
      return [];
  }
}

function partsOfTemplate(part: TemplatePart): Expression[] {
  switch (part.kind) {
    case "text":
      return [];
    case "interpolation":
      return [part.expression];
    case "if":
      return [part.condition, ...part.yes.flatMap(partsOfTemplate), ...part.no.flatMap(partsOfTemplate)];
    case "for":
      return [...partsOfLoop(part.loop), ...part.parts.flatMap(partsOfTemplate)];
  }
}

function partsOfLoop({ collection }: Loop): Expression[] {
  return [collection];
}

function partsOfStep(step: AccessStep): Expression[] {
  if (step.kind === "index") return [step.key];
  return step.kind === "splat" ? step.each.flatMap(partsOfStep) : [];
}

/** The name behind the root of a reference, as `.name` or `["name"]` says it; undefined when it says none by itself. */
export function memberOf({ steps }: Pick<Traversal, "steps">): string | undefined {
  const [step] = steps;
  if (step?.kind === "attribute") return step.name;
  return step?.kind === "index" ? plainText(step.key) : undefined;
}

/** Whether an index or key is known as it is written: a number, or text that holds nothing to be computed. */
export function isWrittenOut(key: Expression): boolean {
  return key.kind === "number" || plainText(key) !== undefined;
}

/** The text of a string that holds nothing to be computed; undefined for any other expression. */
export function plainText(expression: Expression): string | undefined {
  if (expression.kind !== "template" || expression.parts.some(({ kind }) => kind !== "text")) return undefined;
  return expression.parts
    .map((part) => (part.kind === "text" ? part.text : ""))
    .join("")
    .normalize("NFC");
}
