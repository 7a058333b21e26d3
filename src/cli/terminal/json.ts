import type { Output } from "./terminal.ts";

/** What JSON leaves as it is although a terminal may obey it: C1 controls and marks that turn the direction of writing. */
const UNSAFE = /[\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g;

/**
 * Prints a value as JSON that is safe on a terminal, too, or as the template of the output has it.
 * @throws AppError `invalid` for a template that does not fit the value.
 */
export function printJson(out: Output, value: unknown): void {
  if (out.byTemplate !== undefined) {
    out.text(`${out.byTemplate(value)}\n`);
    return;
  }
  const text = JSON.stringify(value, null, 2).replace(
    UNSAFE,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  out.text(`${text}\n`);
}
