import { TemplateBudget } from "./budget.ts";
import type { Delimiters } from "./delimiters.ts";
import { render } from "./evaluate.ts";
import { TemplateFault, type TemplateProblem } from "./fault.ts";
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
  return ({ text, errorOnMissingKey, ...delimiters }) => {
    const { nodes, problems } = parseTemplate(text, delimiters);
    if (problems.length > 0) return { ok: false, problems };
    try {
      return { ok: true, text: render(nodes, { env, budget, errorOnMissingKey }) };
    } catch (error) {
      if (!(error instanceof TemplateFault)) throw error;
      return { ok: false, problems: [{ line: error.line ?? 1, message: error.message, hint: error.hint }] };
    }
  };
}
