import { Budget } from "../../src/hcl/budget.ts";
import { compute } from "../../src/hcl/evaluation/evaluate.ts";
import { NOTHING_KNOWN } from "../../src/hcl/evaluation/scope.ts";
import { encodeJson } from "../../src/hcl/functions/json.ts";
import { FUNCTIONS } from "../../src/hcl/functions/table.ts";
import { parseHcl } from "../../src/hcl/parser.ts";
import { DIFFERENCES, type Outcome } from "../reference/differences.ts";
import type { Reference } from "./reference.ts";

/** A job that has the value of an expression. */
export function jobWith(expression: string): string {
  return `job "x" {\n  meta = {\n    v = jsonencode(${expression})\n  }\n}\n`;
}

function computeOurs(expression: string): string | undefined {
  const { body, diagnostics } = parseHcl("x.hcl", `v = ${expression}\n`);
  const value = body.attributes[0]?.value;
  if (value === undefined || diagnostics.length > 0) return undefined;
  const computed = compute(value, NOTHING_KNOWN, { functions: FUNCTIONS, budget: new Budget() });
  return computed.value === undefined ? undefined : encodeJson(computed.value, new Budget());
}

/** What expressions come to in Nomad and here. */
export function outcomesOf(reference: Reference, expressions: readonly string[]): Outcome[] {
  const answers = reference(expressions.map((expression) => ({ Text: jobWith(expression) })));
  return expressions.map((expression, at): Outcome => {
    const answer = answers[at];
    const meta = answer?.job?.["Meta"] as Readonly<Record<string, string>> | undefined;
    return { expression, theirs: meta?.["v"], error: answer?.error ?? "", ours: computeOurs(expression) };
  });
}

/** Whether an expression comes to something else than in Nomad without a reason. */
export function isMistake(outcome: Outcome): boolean {
  return outcome.theirs !== outcome.ours && !DIFFERENCES.some(({ applies }) => applies(outcome));
}
