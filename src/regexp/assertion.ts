import type { Assertion } from "./syntax.ts";

const NEWLINE = 10;

/** Whether an assertion holds between two characters. @param before undefined at the beginning of the text. @param after undefined at its end. */
export function holds(assertion: Assertion, before: number | undefined, after: number | undefined): boolean {
  switch (assertion) {
    case "text-begin":
      return before === undefined;
    case "text-end":
      return after === undefined;
    case "line-begin":
      return before === undefined || before === NEWLINE;
    case "line-end":
      return after === undefined || after === NEWLINE;
    case "word-boundary":
      return isWord(before) !== isWord(after);
    case "no-word-boundary":
      return isWord(before) === isWord(after);
  }
}

function isWord(codePoint: number | undefined): boolean {
  return codePoint !== undefined && codePoint < 0x80 && /\w/.test(String.fromCharCode(codePoint));
}
