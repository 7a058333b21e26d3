import type { Loop } from "../ast.ts";
import type { Cursor } from "./cursor.ts";
import type { ParseExpression } from "./postfix.ts";

/** Whether the current token is this word. */
export function isWord(cursor: Cursor, word: string): boolean {
  return cursor.is("identifier") && cursor.text(cursor.token) === word;
}

/** Reads `for value in collection` or `for key, value in collection`, whose first word is the current token. */
export function parseLoop(cursor: Cursor, parseExpression: ParseExpression): Loop {
  cursor.advance();
  const first = parseLoopName(cursor);
  let second: string | undefined;
  if (cursor.is(",")) {
    cursor.advance();
    second = parseLoopName(cursor);
  }
  if (!isWord(cursor, "in")) cursor.failExpecting('"in" and a collection');
  cursor.advance();
  const collection = parseExpression(cursor);
  return second === undefined
    ? { keyName: undefined, valueName: first, collection }
    : { keyName: first, valueName: second, collection };
}

function parseLoopName(cursor: Cursor): string {
  if (!cursor.is("identifier")) cursor.failExpecting('a name behind "for"');
  return cursor.text(cursor.advance());
}
