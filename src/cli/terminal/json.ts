import { AppError } from "../../base/errors.ts";
import type { TemplateProblem } from "../../template/fault.ts";
import { findProblems, renderValue } from "../../template/template.ts";
import type { Output, Terminal } from "./terminal.ts";

/** What JSON leaves as it is although a terminal may obey it: C1 controls and marks that turn the direction of writing. */
const UNSAFE = /[\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g;

/**
 * Prints a value as JSON that is safe on a terminal, too, or as the template of the output has it.
 * @throws AppError `invalid` for a template that does not fit the value.
 */
export function printJson(out: Output, value: unknown): void {
  if (out.template !== undefined) {
    out.text(`${byTemplate(out.template, value)}\n`);
    return;
  }
  const text = JSON.stringify(value, null, 2).replace(
    UNSAFE,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  out.text(`${text}\n`);
}

/** A terminal on which data is printed by a template. @throws AppError `invalid` for one that is wrong in itself. */
export function withTemplate(terminal: Terminal, template: string): Terminal {
  const problems = findProblems(template);
  if (problems.length > 0) throw templateError(problems);
  const out = Object.create(terminal.out, { template: { value: template } }) as Output;
  return { ...terminal, out };
}

function byTemplate(template: string, value: unknown): string {
  // As it goes over the wire: what is undefined is not there.
  const rendered = renderValue(template, JSON.parse(JSON.stringify(value ?? null)));
  if (rendered.ok) return rendered.text;
  throw templateError(rendered.problems);
}

function templateError(problems: readonly TemplateProblem[]): AppError {
  const text = problems.map(({ line, message }) => `${line === 1 ? "" : `line ${line}: `}${message}`).join("; ");
  return new AppError("invalid", `flag -t: ${text}`, { hint: "-json in the place of -t shows what there is" });
}
