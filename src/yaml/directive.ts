import { Buffer } from "node:buffer";
import { type Cursor, isWordCharacter, type Mark } from "./cursor.ts";
import type { Token } from "./token.ts";

/** A line that begins with `%`; the cursor is at that. */
export function scanDirective(cursor: Cursor): Token {
  const mark = cursor.mark();
  cursor.skip();
  const name = takeWord(cursor);
  if (!cursor.isSpaceOrEnd() || (name !== "YAML" && name !== "TAG")) cursor.fail("this directive is not known", mark);
  cursor.skipBlanks();
  const token = name === "YAML" ? scanVersion(cursor, mark) : scanTagDirective(cursor, mark);
  cursor.skipBlanks();
  cursor.skipComment();
  if (!cursor.isBreakOrEnd()) cursor.fail("expected a comment or the end of the line", mark);
  if (cursor.isBreak()) cursor.takeBreak();
  return token;
}

function takeWord(cursor: Cursor): string {
  let word = "";
  while (isWordCharacter(cursor.peek())) word += cursor.take();
  return word;
}

function scanVersion(cursor: Cursor, mark: Mark): Token {
  const number = (): string => {
    let digits = "";
    while (/^[0-9]$/.test(cursor.peek())) digits += cursor.take();
    if (digits === "" || digits.length > 2) cursor.fail("expected a version such as 1.1", mark);
    return String(Number(digits));
  };
  const major = number();
  if (cursor.peek() !== ".") cursor.fail("expected a version such as 1.1", mark);
  cursor.skip();
  return { kind: "yaml", version: `${major}.${number()}`, mark };
}

function scanTagDirective(cursor: Cursor, mark: Mark): Token {
  const handle = scanHandle(cursor, mark);
  if (handle !== "!" && (!handle.endsWith("!") || handle.length < 2)) cursor.fail("expected a ! behind the name", mark);
  if (!cursor.isBlank()) cursor.fail("expected a space behind the name", mark);
  cursor.skipBlanks();
  const prefix = scanUri(cursor, mark, "");
  if (!cursor.isSpaceOrEnd()) cursor.fail("expected a space or the end of the line", mark);
  return { kind: "%tag", handle, prefix, mark };
}

/** A tag; the cursor is at its `!`. */
export function scanTag(cursor: Cursor): Token {
  const mark = cursor.mark();
  let handle = "";
  let suffix: string;
  if (cursor.peek(1) === "<") {
    cursor.skip(2);
    suffix = scanUri(cursor, mark, "");
    if (cursor.peek() !== ">") cursor.fail("expected a > behind the tag", mark);
    cursor.skip();
  } else {
    const word = scanHandle(cursor, mark);
    const named = word.length > 1 && word.endsWith("!");
    suffix = scanUri(cursor, mark, named ? "" : word);
    handle = named ? word : "!";
    if (!named && suffix === "") [handle, suffix] = ["", "!"];
  }
  if (!cursor.isSpaceOrEnd()) cursor.fail("expected a space or the end of the line behind the tag", mark);
  return { kind: "tag", handle, suffix, mark };
}

function scanHandle(cursor: Cursor, mark: Mark): string {
  if (cursor.peek() !== "!") cursor.fail("expected a !", mark);
  cursor.skip();
  const word = takeWord(cursor);
  if (cursor.peek() !== "!") return `!${word}`;
  cursor.skip();
  return `!${word}!`;
}

const URI = /^[0-9A-Za-z_\-;/?:@&=+$,.!~*'()[\]]$/;

/** @param begun what was read of it, with a `!` before it; "" for nothing. */
function scanUri(cursor: Cursor, mark: Mark, begun: string): string {
  let uri = begun.slice(1);
  let any = begun !== "";
  for (;;) {
    if (cursor.peek() === "%") uri += scanEscapes(cursor, mark);
    else if (URI.test(cursor.peek())) uri += cursor.take();
    else break;
    any = true;
  }
  if (!any) cursor.fail("expected a tag", mark);
  return uri;
}

/** Bytes as `%E2%82%AC`. */
function scanEscapes(cursor: Cursor, mark: Mark): string {
  const bytes: number[] = [];
  while (cursor.peek() === "%") {
    const digits = cursor.peek(1) + cursor.peek(2);
    if (!/^[0-9A-Fa-f]{2}$/.test(digits)) cursor.fail("expected two hexadecimal digits", mark);
    bytes.push(Number.parseInt(digits, 16));
    cursor.skip(3);
  }
  const text = Buffer.from(bytes).toString("utf8");
  if (text.includes("\ufffd")) cursor.fail("this is no UTF-8", mark);
  return text;
}
