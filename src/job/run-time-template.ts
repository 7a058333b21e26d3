import { orList } from "../base/text.ts";
import type { Expression, TemplatePart } from "../hcl/ast.ts";
import { Budget } from "../hcl/budget.ts";
import { convert, Mismatch } from "../hcl/cty/convert.ts";
import { type Datum, object, text as textDatum } from "../hcl/cty/datum.ts";
import { STRING } from "../hcl/cty/type.ts";
import { compute } from "../hcl/evaluation/evaluate.ts";
import type { Scope } from "../hcl/evaluation/scope.ts";
import { RUN_TIME_FUNCTIONS } from "../hcl/functions/run-time.ts";
import type { Span } from "../hcl/span.ts";
import { embeddedTemplate, isTemplate } from "../hcl/syntax/embedded.ts";
import { plainText } from "../hcl/syntax/references.ts";

/** What is wrong with a template, and what to do about it. */
export interface TemplateProblem {
  readonly message: string;
  readonly hint: string | undefined;
}

/** The names that a template may use. */
export interface RunTimeNames {
  /** The value of `NOMAD_X`, `attr.x`, `meta.x` and the like, with dots between its parts. */
  value(name: string): string | undefined;
  /** The value of `env["X"]`. */
  variable(name: string): string | undefined;
  /** All that `value` knows. */
  readonly names: readonly string[];
  /** All that `variable` knows. */
  readonly variables: readonly string[];
}

/** Values may come from anywhere: nothing is told of a place in a text. */
const NOWHERE: Span = {
  file: "",
  start: { line: 1, column: 1, offset: 0 },
  end: { line: 1, column: 1, offset: 0 },
};

/** Replaces `${…}` and `%{…}` in one text; where there is a problem the text is as it was. */
export type Expand = (text: string) => { readonly text: string; readonly problems: readonly TemplateProblem[] };

/**
 * Nomad's template language for a task's `config`: HCL's, with operators, conditions, loops and a few functions. All texts of one task
 * share one bound of what is computed.
 */
export function createExpand(names: RunTimeNames): Expand {
  const surroundings = { functions: RUN_TIME_FUNCTIONS, budget: new Budget() };
  let scope: Scope | undefined;
  return (text) => {
    // As it is, whatever its characters are: a path need not be in a normal form.
    if (!isTemplate(text)) return { text, problems: [] };
    const problems: TemplateProblem[] = [];
    const add = (told: readonly { severity: string; message: string; hint?: string | undefined }[]): void => {
      for (const { severity, message, hint } of told) if (severity === "error") problems.push({ message, hint });
    };
    const diagnostics: Parameters<typeof embeddedTemplate>[2] = [];
    const template = embeddedTemplate(text, NOWHERE, diagnostics);
    add(diagnostics);
    if (problems.length > 0 || template.kind !== "template") return { text, problems };
    const parts = template.parts.map((part) => replaceName(part, names, problems, surroundings.budget));
    if (parts.every((part) => part.kind === "text")) {
      return problems.length > 0 ? { text, problems } : { text: parts.map((part) => part.text).join(""), problems };
    }
    scope ??= scopeOf(names, surroundings.budget);
    const { value, diagnostics: told } = compute({ ...template, parts }, scope, surroundings);
    add(told);
    const made = value === undefined || problems.length > 0 ? undefined : toText(value, problems);
    return { text: made ?? text, problems };
  };
}

/** A name that stands alone is looked up as a whole: `attr.driver.qemu` has a value, although there is `attr.driver.qemu.version`. */
function replaceName(
  part: TemplatePart,
  names: RunTimeNames,
  problems: TemplateProblem[],
  budget: Budget,
): TemplatePart {
  if (part.kind !== "interpolation") return part;
  const parts = nameOf(part.expression);
  if (parts === undefined) return part;
  const [root = "", ...rest] = parts;
  const value = root === "env" ? names.variable(rest.join(".")) : names.value(parts.join("."));
  if (value === undefined) problems.push(explainUnknown(part.source.trim(), root, names, budget));
  return { kind: "text", text: value ?? "" };
}

/** The parts of a name, `attr.kernel.name` or `env["X"]`; undefined for what is more than a name. */
function nameOf(expression: Expression): string[] | undefined {
  if (expression.kind !== "traversal") return undefined;
  const parts = expression.steps.map((step) => {
    if (step.kind === "attribute") return step.name;
    return step.key.kind === "number" ? step.key.text : plainText(step.key);
  });
  return parts.includes(undefined) ? undefined : [expression.root, ...parts.filter((part) => part !== undefined)];
}

function toText(value: Datum, problems: TemplateProblem[]): string | undefined {
  try {
    const converted = convert(value, STRING);
    if (converted.kind === "string") return converted.value;
    problems.push({ message: "null cannot be put into text", hint: undefined });
  } catch (error) {
    if (!(error instanceof Mismatch)) throw error;
    problems.push({ message: `must be text: ${error.message}`, hint: undefined });
  }
  return undefined;
}

/** A name and what is below it: what has something below it has no value of its own in an expression, as with Nomad. */
interface Branch {
  readonly below: Map<string, Branch>;
  value: string | undefined;
}

function scopeOf(names: RunTimeNames, budget: Budget): Scope {
  const root: Branch = { below: new Map(), value: undefined };
  for (const name of names.names) plant(root, name.split("."), names.value(name) ?? "");
  for (const name of names.variables) plant(root, ["env", name], names.variable(name) ?? "");
  const data = new Map([...root.below].map(([name, branch]) => [name, datumOf(branch)]));
  return (name) => {
    const value = data.get(name);
    return value === undefined
      ? { kind: "problem", ...explainUnknown(name, name, names, budget) }
      : { kind: "value", value };
  };
}

function plant(root: Branch, path: readonly string[], value: string): void {
  let branch = root;
  for (const part of path) {
    const next = branch.below.get(part) ?? { below: new Map(), value: undefined };
    branch.below.set(part, next);
    branch = next;
  }
  branch.value = value;
}

function datumOf({ below, value }: Branch): Datum {
  if (below.size === 0) return textDatum(value ?? "");
  return object(new Map([...below].map(([name, branch]) => [name, datumOf(branch)])));
}

/** Names that are told as what may have been meant. */
const SUGGESTIONS = 3;

function explainUnknown(source: string, root: string, names: RunTimeNames, budget: Budget): TemplateProblem {
  const known = root === "env" ? names.variables.map((key) => `env[${JSON.stringify(key)}]`) : names.names;
  const near = budget.suggest(source, known, SUGGESTIONS);
  const hint = near.length > 0 ? `did you mean ${orList(near.map((name) => `\${${name}}`))}?` : HINT_KNOWN;
  return { message: `nothing is called \${${source}}`, hint };
}

const HINT_KNOWN =
  "known are ${NOMAD_…} and the task's own variables, ${attr.…}, ${node.…} and ${meta.…}; write $${ for a literal ${";
