import { TemplateBudget } from "./budget.ts";
import type { Delimiters } from "./delimiters.ts";
import { type RenderContext, render } from "./evaluate.ts";
import { TemplateFault, type TemplateProblem } from "./fault.ts";
import { itemOf } from "./functions/json.ts";
import { type Item, intItem } from "./item.ts";
import { parseTemplate } from "./parse.ts";

export interface TemplateText extends Delimiters {
  readonly text: string;
  /** Whether a key that a map has not is an error; else it is `<no value>`. */
  readonly errorOnMissingKey: boolean;
}

export type Rendered =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly problems: readonly TemplateProblem[] };

/** Renders one template. */
export type RenderTemplate = (template: TemplateText) => Rendered;

/**
 * Makes what renders the templates of one task: Go's text/template with the functions of consul-template that need no source of data.
 * It looks at nothing but the template and the environment, and all templates share one bound of steps and text.
 */
export function createRenderer(env: Readonly<Record<string, string>>): RenderTemplate {
  const budget = new TemplateBudget();
  return ({ errorOnMissingKey, ...template }) => rendered(template, () => ({ env, budget, errorOnMissingKey }));
}

/**
 * Renders a template about a value as JSON has it, such as a reply of the API: whole numbers are whole, a key that is not there is an
 * error, and there is no environment.
 */
export function renderValue(text: string, value: unknown): Rendered {
  const budget = new TemplateBudget();
  return rendered({ text, ...GO_DELIMITERS }, () => ({
    ...{ env: {}, budget, errorOnMissingKey: true },
    data: itemOf(value, { budget }, 0, numberItem),
  }));
}

/** What is wrong with how a template is written. */
export const findProblems = (text: string): readonly TemplateProblem[] => parseTemplate(text, GO_DELIMITERS).problems;

const GO_DELIMITERS: Delimiters = { left: "{{", right: "}}" };

/** Nanoseconds since 1970 are more than a double tells apart; its shortest digits are what was meant. */
const numberItem = (value: number): Item =>
  Number.isInteger(value) && Math.abs(value) < 2 ** 63 ? intItem(BigInt(String(value))) : { kind: "float", value };

function rendered(
  { text, ...delimiters }: Delimiters & { readonly text: string },
  context: () => RenderContext,
): Rendered {
  const { nodes, problems } = parseTemplate(text, delimiters);
  if (problems.length > 0) return { ok: false, problems };
  try {
    return { ok: true, text: render(nodes, context()) };
  } catch (error) {
    if (!(error instanceof TemplateFault)) throw error;
    return { ok: false, problems: [{ line: error.line ?? 1, message: error.message, hint: error.hint }] };
  }
}
