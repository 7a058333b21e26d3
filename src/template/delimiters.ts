/** What surrounds an action. */
export interface Delimiters {
  readonly left: string;
  readonly right: string;
}

/** Whether a character is space between the words of an action, and what trim markers take away. */
export const isSpace = (character: string | undefined): boolean =>
  character !== undefined && character !== "" && " \t\r\n".includes(character);

/** The end of an action that stands at a place; undefined when none does. */
export function closingAt(
  text: string,
  at: number,
  right: string,
): { readonly length: number; readonly trims: boolean } | undefined {
  if (isSpace(text[at]) && text[at + 1] === "-" && text.startsWith(right, at + 2)) {
    return { length: 2 + right.length, trims: true };
  }
  return text.startsWith(right, at) ? { length: right.length, trims: false } : undefined;
}
