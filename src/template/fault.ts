/** What is wrong with a template; `line` counts from 1 in its own text. */
export interface TemplateProblem {
  readonly line: number;
  /** Without any value of the template's or its environment's. */
  readonly message: string;
  readonly hint?: string | undefined;
}

/** Thrown where a template cannot be gone on with; the functions throw it without a line. */
export class TemplateFault extends Error {
  readonly hint: string | undefined;
  readonly line: number | undefined;

  constructor(message: string, { hint, line }: { readonly hint?: string; readonly line?: number } = {}) {
    super(message);
    this.hint = hint;
    this.line = line;
  }
}

/** A name of the template's for a message, cut where it is too long to be one. */
export const shortName = (name: string): string => (name.length <= 40 ? name : `${name.slice(0, 40)}…`);
