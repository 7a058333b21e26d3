import { AppError } from "../../base/errors.ts";
import type { TemplateProblem } from "../../template/fault.ts";
import { findProblems, renderValue } from "../../template/template.ts";
import type { Output, Terminal } from "./terminal.ts";

/** A terminal on which data is printed by a template. @throws AppError `invalid` for one that is wrong in itself. */
export function withTemplate(terminal: Terminal, template: string): Terminal {
  const problems = findProblems(template);
  if (problems.length > 0) throw templateError(problems);
  const byTemplate = (value: unknown): string => render(template, value);
  const out = Object.create(terminal.out, { byTemplate: { value: byTemplate } }) as Output;
  return { ...terminal, out };
}

function render(template: string, value: unknown): string {
  // As it goes over the wire: what is undefined is not there.
  const rendered = renderValue(template, JSON.parse(JSON.stringify(value ?? null)));
  if (rendered.ok) return rendered.text;
  throw templateError(rendered.problems);
}

function templateError(problems: readonly TemplateProblem[]): AppError {
  const text = problems.map(({ line, message }) => `${line === 1 ? "" : `line ${line}: `}${message}`).join("; ");
  return new AppError("invalid", `flag -t: ${text}`, { hint: "-json in the place of -t shows what there is" });
}
