import { nearestName } from "../base/text.ts";
import type { Expression, TemplatePart } from "./ast.ts";
import type { Diagnostic } from "./diagnostic.ts";
import { quoteName } from "./limits.ts";
import { formatNumber } from "./number.ts";
import type { Span } from "./span.ts";
import type { ObjectEntry, Value } from "./value.ts";

/** Gives the value of the first name of a reference, or undefined for one that is not known before run time. */
export type Scope = (root: string) => Value | undefined;

/** What `evaluate` gives. */
export interface Evaluated {
  readonly value: Value;
  readonly diagnostics: Diagnostic[];
  /** The value or a part of it could not be had, which was reported here or by the parser: judge it no further. */
  readonly failed: boolean;
}

type Interpolation = Extract<TemplatePart, { kind: "interpolation" }>;
type Expr<K extends Expression["kind"]> = Extract<Expression, { kind: K }>;

/** Roots that name what is declared in the file: one that is not there is an error and never left to the run time. */
const DECLARED: Readonly<Record<string, string>> = { var: "variables", local: "locals" };

/**
 * Computes the value of an expression. A reference whose root the scope does not know becomes the text `${…}`, spelled as it was, for
 * interpolation at run time. A template of one interpolation alone gives that value as it is; in other templates numbers and booleans
 * become text. Never throws.
 */
export function evaluate(expression: Expression, scope: Scope): Evaluated {
  const evaluator = new Evaluator(scope);
  const value = evaluator.evaluate(expression);
  return { value, diagnostics: evaluator.diagnostics, failed: evaluator.failed };
}

class Evaluator {
  readonly diagnostics: Diagnostic[] = [];
  failed = false;
  readonly #scope: Scope;

  constructor(scope: Scope) {
    this.#scope = scope;
  }

  /** The value, or null in the place of one that could not be had. */
  evaluate(expression: Expression): Value {
    const value = this.#compute(expression);
    if (value === undefined) this.failed = true;
    return value ?? { kind: "null", span: expression.span };
  }

  /** The value, or undefined for what was reported. */
  #compute(expression: Expression): Value | undefined {
    const { span } = expression;
    switch (expression.kind) {
      case "invalid":
        return undefined;
      case "literal":
        return expression.value === null ? { kind: "null", span } : { kind: "bool", value: expression.value, span };
      case "number":
        return { kind: "number", value: Number(expression.text), text: expression.text, span };
      case "template":
        return this.#template(expression);
      case "list":
        return { kind: "list", items: expression.items.map((item) => this.evaluate(item)), span };
      case "object":
        return this.#object(expression);
      case "traversal":
        return this.#traversal(expression, expression.source);
    }
  }

  #fail(span: Span, message: string, hint?: string): undefined {
    this.diagnostics.push({ severity: "error", span, message, hint });
  }

  #template({ parts, span }: Expr<"template">): Value | undefined {
    const [only] = parts;
    if (parts.length === 1 && only?.kind === "interpolation") {
      const value = this.#interpolation(only);
      return value === undefined ? undefined : { ...value, span };
    }
    const texts = parts.map((part) => (part.kind === "text" ? part.text : this.#toText(part)));
    if (texts.includes(undefined)) return undefined;
    // Strings of HCL are in normal form C, whatever form the file is in.
    return { kind: "string", value: texts.join("").normalize("NFC"), span };
  }

  /** The spelling between the braces is kept for the run time, white space included, unless there is more than the reference. */
  #interpolation({ expression, source }: Interpolation): Value | undefined {
    if (expression.kind !== "traversal") return this.#compute(expression);
    return this.#traversal(expression, source.trim() === expression.source ? source : expression.source);
  }

  #toText(part: Interpolation): string | undefined {
    const value = this.#interpolation(part);
    if (value === undefined) return undefined;
    const text = scalarText(value);
    return text ?? this.#fail(part.span, `${describeKind(value)} cannot be put into text`);
  }

  #object({ entries, span }: Expr<"object">): Value {
    const found = new Map<string, ObjectEntry>();
    for (const { key, value } of entries) {
      const text = this.#key(key);
      const item = this.evaluate(value);
      if (text === undefined) continue;
      const first = found.get(text);
      if (first !== undefined) this.#warnTwice(text, key.span, first);
      found.set(text, { key: text, keySpan: key.span, value: item });
    }
    return { kind: "object", entries: [...found.values()], span };
  }

  #key(expression: Expression): string | undefined {
    const key = this.#compute(expression);
    const text = key === undefined ? undefined : scalarText(key);
    if (text === undefined) this.failed = true;
    if (key !== undefined && text === undefined) this.#fail(key.span, `a key is text, not ${describeKind(key)}`);
    return text;
  }

  #warnTwice(key: string, span: Span, first: ObjectEntry): void {
    const { line, column } = first.keySpan.start;
    const message = `key ${quoteName(key)} stands twice in this object and the last one counts; first on line ${line}, column ${column}`;
    this.diagnostics.push({ severity: "warning", span, message });
  }

  #traversal(traversal: Expr<"traversal">, spelling: string): Value | undefined {
    const { root, source, span } = traversal;
    const value = this.#scope(root);
    if (value !== undefined) return this.#walk(value, traversal);
    const declared = Object.hasOwn(DECLARED, root) ? DECLARED[root] : undefined;
    if (declared !== undefined) return this.#fail(span, `${declared} are not supported yet: ${quoteName(source)}`);
    return { kind: "string", value: `\${${spelling}}`, span };
  }

  #walk(start: Value, { root, steps, span }: Expr<"traversal">): Value | undefined {
    let value = start;
    let path = root;
    for (const step of steps) {
      const key = step.kind === "attribute" ? step.name : this.#indexOf(step.key);
      if (key === undefined) return undefined;
      const next = memberOf(value, key);
      if (next === undefined) return this.#failMember(value, key, path, span);
      value = next;
      path = step.kind === "attribute" ? `${path}.${key}` : `${path}[${JSON.stringify(key)}]`;
    }
    return { ...value, span };
  }

  #indexOf(expression: Expression): string | number | undefined {
    const key = this.#compute(expression);
    if (key === undefined || key.kind === "string" || key.kind === "number") return key?.value;
    return this.#fail(key.span, `an index is a number or text, not ${describeKind(key)}`);
  }

  #failMember(value: Value, key: string | number, path: string, span: Span): undefined {
    if (value.kind === "object") {
      const near = nearestName(
        String(key),
        value.entries.map((entry) => entry.key),
      );
      return this.#fail(span, `"${path}" has no "${key}"`, near === undefined ? undefined : `did you mean "${near}"?`);
    }
    if (value.kind !== "list") return this.#fail(span, `"${path}" is ${describeKind(value)} and has no parts`);
    return this.#fail(span, `"${path}" has ${value.items.length} items and none at ${JSON.stringify(key)}`);
  }
}

function memberOf(value: Value, key: string | number): Value | undefined {
  if (value.kind === "list") return value.items[Number(key)];
  if (value.kind === "object") return value.entries.find((entry) => entry.key === String(key))?.value;
  return undefined;
}

/** What HCL makes of a value where text is needed; undefined for what has no text. */
function scalarText(value: Value): string | undefined {
  if (value.kind === "string") return value.value;
  if (value.kind === "bool") return String(value.value);
  return value.kind === "number" ? formatNumber(value.text) : undefined;
}

const KINDS: Readonly<Record<Value["kind"], string>> = {
  null: "null",
  bool: "a boolean",
  number: "a number",
  string: "text",
  list: "a list",
  object: "an object",
};

function describeKind(value: Value): string {
  return KINDS[value.kind];
}
