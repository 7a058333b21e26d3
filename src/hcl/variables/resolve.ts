import type { Body } from "../ast.ts";
import { type Datum, object } from "../cty/datum.ts";
import type { Diagnostic } from "../diagnostic.ts";
import { compute, type Surroundings } from "../evaluation/evaluate.ts";
import type { Lookup, Scope } from "../evaluation/scope.ts";
import { quoteName } from "../limits.ts";
import type { Source } from "../source.ts";
import { spellBlock } from "../spelling.ts";
import { Inputs, type VariableInputs } from "./input.ts";
import { orderLocals } from "./local.ts";
import { type Assignment, readVariables, type Variable, validateVariable } from "./variable.ts";

/** What the variables and locals of a file come to. */
export interface Resolved {
  /** Knows `var` and `local`; all else is left to the run time. */
  readonly scope: Scope;
  readonly diagnostics: readonly Diagnostic[];
  /** The files that set variables, for `renderDiagnostics`. */
  readonly sources: ReadonlyMap<string, Source>;
  /** The file without the blocks that were read. */
  readonly rest: Body;
}

const BLOCKS = ["variable", "variables", "locals"];

/** A value of `var` or `local`; undefined when there is none, which was told. */
type Member = Pick<Assignment, "value" | "outside"> | undefined;

/** Reads variables and locals and computes their values: what is given wins over the default of the file, as `VariableInputs` says. */
export function resolveNames(body: Body, inputs: VariableInputs, surroundings: Surroundings): Resolved {
  const diagnostics: Diagnostic[] = [];
  const variables = readVariables(body, diagnostics);
  const { json = false } = surroundings;
  const given = new Inputs(variables, inputs, { json, incomplete: isIncomplete(body) });
  diagnostics.push(...given.diagnostics);
  const values = new Map<string, Member>();
  for (const variable of variables.values()) {
    values.set(variable.name, settle(variable, given, surroundings, diagnostics));
  }
  const locals = computeLocals(body, values, surroundings, diagnostics);
  const rest = { ...body, blocks: body.blocks.filter(({ type }) => !BLOCKS.includes(type)) };
  return { scope: scopeOf(values, locals, surroundings), diagnostics, sources: given.sources, rest };
}

/** A block that is never closed may have taken along what stands behind it. */
function isIncomplete({ incomplete, blocks }: Body): boolean {
  return incomplete === true || blocks.some(({ body }) => body.incomplete);
}

function settle(
  variable: Variable,
  given: Inputs,
  surroundings: Surroundings,
  diagnostics: Diagnostic[],
): Assignment | undefined {
  const { name, span, broken, fallback } = variable;
  const assignment = given.values.get(name) ?? fallback;
  if (broken || given.broken.has(name)) return undefined;
  if (assignment === undefined) {
    if (given.incomplete) return undefined;
    const hint = `set it: -var ${name}=…, a file by -var-file, or PADDOCK_VAR_${name}; or give it a default`;
    diagnostics.push({ severity: "error", span, message: `variable ${quoteName(name)} has no value`, hint });
    return undefined;
  }
  validateVariable(variable, assignment, surroundings, diagnostics);
  return assignment;
}

function computeLocals(
  body: Body,
  variables: ReadonlyMap<string, Member>,
  surroundings: Surroundings,
  diagnostics: Diagnostic[],
): ReadonlyMap<string, Member> {
  const { order, circular } = orderLocals(body, diagnostics);
  const locals = new Map<string, Member>(order.map(({ name }) => [name, undefined]));
  const scope = scopeOf(variables, locals, surroundings);
  for (const { name, value } of order) {
    if (circular.has(name)) continue;
    const { value: found, diagnostics: told, outside } = compute(value, scope, surroundings);
    diagnostics.push(...told);
    if (found !== undefined) locals.set(name, { value: found, outside });
  }
  return locals;
}

function scopeOf(
  variables: ReadonlyMap<string, Member>,
  locals: ReadonlyMap<string, Member>,
  surroundings: Surroundings,
): Scope {
  return (root, member): Lookup => {
    if (root === "var") return lookUp(variables, member, "variable", surroundings);
    if (root === "local") return lookUp(locals, member, "local", surroundings);
    return undefined;
  };
}

function lookUp(
  members: ReadonlyMap<string, Member>,
  name: string | undefined,
  kind: "variable" | "local",
  { budget, json = false }: Surroundings,
): Lookup {
  if (name === undefined) return whole(members);
  if (!members.has(name)) {
    const [near] = budget.suggest(name, members.keys(), 1);
    const local = json ? `set it: "locals": { ${JSON.stringify(name)}: … }` : `set it in locals { … }: ${name} = …`;
    const spelled = kind === "variable" ? `declare it: ${spellBlock("variable", [name], json)}` : local;
    const hint = near === undefined ? spelled : `did you mean ${quoteName(near)}?`;
    return { kind: "problem", message: `there is no ${kind} ${quoteName(name)}`, hint };
  }
  const member = members.get(name);
  return member === undefined ? { kind: "failed" } : { kind: "member", ...member };
}

/** `var` or `local` by itself: all of them as an object. */
function whole(members: ReadonlyMap<string, Member>): Lookup {
  const entries = new Map<string, Datum>();
  let outside = false;
  for (const [name, member] of members) {
    if (member === undefined) return { kind: "failed" };
    entries.set(name, member.value);
    outside ||= member.outside;
  }
  return { kind: "value", value: object(entries), outside };
}
