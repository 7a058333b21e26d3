import type { Expression, TemplatePart } from "../ast.ts";
import { type Cursor, SyntaxStop } from "./cursor.ts";
import { type Directive, nestParts, parseDirective } from "./directive.ts";
import type { Token } from "./lexer.ts";
import type { ParseExpression } from "./postfix.ts";

type Interpolation = Extract<TemplatePart, { kind: "interpolation" }>;

/** A part while strip marks and indentation may still shorten its text, and directives stand among the others. */
type Part = { readonly kind: "text"; text: string } | Interpolation | Directive;

/** Between lines, each with its line end. */
const LINES = /(?<=\n)/;

/**
 * Reads a quoted string or heredoc, whose opening is the current token. Unknown escapes are reported and skipped.
 * @throws SyntaxStop when it is never closed.
 */
export function parseTemplate(cursor: Cursor, parseExpression: ParseExpression): Expression {
  const open = cursor.advance();
  const heredoc = open.kind === "openHeredoc";
  const parts: Part[] = [];
  let stripNext = false;
  while (!cursor.is("closeQuote") && !cursor.is("closeHeredoc")) {
    if (cursor.is("text")) {
      const text = readText(cursor, heredoc);
      parts.push({ kind: "text", text: stripNext ? stripStart(text, heredoc) : text });
      stripNext = false;
    } else if (cursor.is("interpolation") || cursor.is("directive")) {
      cursor.count();
      if (hasStripMark(cursor, cursor.token)) stripEnd(parts.at(-1), heredoc);
      const read = cursor.is("interpolation") ? parseInterpolation : parseDirective;
      const { part, close } = read(cursor, parseExpression);
      parts.push(part);
      stripNext = hasStripMark(cursor, close);
    } else throw new SyntaxStop();
  }
  const span = cursor.span(open, cursor.advance());
  if (cursor.text(open).startsWith("<<-")) stripIndentation(parts);
  const nested = nestParts(cursor, parts);
  return nested === undefined ? { kind: "invalid", span } : { kind: "template", parts: nested, span };
}

function readText(cursor: Cursor, heredoc: boolean): string {
  const token = cursor.advance();
  const text = cursor.text(token);
  return heredoc ? text.replace(/([$%])\1\{/g, "$1{") : unescapeText(cursor, text, token.start);
}

function hasStripMark(cursor: Cursor, token: Token): boolean {
  return cursor.text(token).includes("~");
}

/** `~}` takes the white space behind it; in a heredoc no further than to the end of the line. */
function stripStart(text: string, heredoc: boolean): string {
  if (!heredoc) return text.trimStart();
  const [line = "", ...rest] = text.split(LINES);
  return line.trimStart() + rest.join("");
}

/** `${~` takes the white space before it; in a heredoc no further than to the start of the line, and there the line end before. */
function stripEnd(part: Part | undefined, heredoc: boolean): void {
  if (part?.kind !== "text") return;
  const lines = heredoc ? part.text.split(LINES) : [part.text];
  part.text = lines.slice(0, -1).join("") + (lines.at(-1) ?? "").trimEnd();
}

function parseInterpolation(cursor: Cursor, parseExpression: ParseExpression): { part: Interpolation; close: Token } {
  const open = cursor.token;
  const { value, close } = cursor.bracketed(false, () => {
    if (cursor.is("closeTemplate")) cursor.fail('nothing stands in "${}"', 'for the text "${" write "$${"');
    const expression = parseExpression(cursor);
    // A quote here is most likely the end of the string, and the brace was forgotten.
    if (cursor.is("openQuote")) cursor.failUnclosed(open);
    if (!cursor.is("closeTemplate")) cursor.failInside(open, '"}"');
    return expression;
  });
  const spelling = cursor.source.text.slice(open.end, close.start);
  const stripped = hasStripMark(cursor, close) ? spelling.trimEnd() : spelling;
  const source = hasStripMark(cursor, open) ? spelling.trim() : stripped;
  return { part: { kind: "interpolation", expression: value, source, span: cursor.span(open, close) }, close };
}

const ESCAPE = /\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([\s\S]))|([$%])\4\{/gu;
const SINGLE: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", '"': '"', "\\": "\\" };
const HINT_ESCAPES = '\\n \\r \\t \\" \\\\ \\uXXXX and \\UXXXXXXXX are known; a backslash itself is \\\\';

function unescapeText(cursor: Cursor, raw: string, start: number): string {
  return raw.replace(ESCAPE, (match: string, ...groups: unknown[]) => {
    const [four, eight, single, sign, offset] = groups;
    if (typeof sign === "string") return `${sign}{`;
    const at = start + Number(offset);
    const hex = four ?? eight;
    if (typeof hex === "string") {
      const code = Number.parseInt(hex, 16);
      if (code <= 0x10ffff && (code < 0xd800 || code > 0xdfff)) return String.fromCodePoint(code);
      cursor.report(at, at + match.length, `${match} is not a Unicode character`);
      return "";
    }
    const known = SINGLE[String(single)];
    if (known !== undefined) return known;
    const isUnicode = single === "u" || single === "U";
    const message = isUnicode
      ? `\\${single} needs ${single === "u" ? 4 : 8} hexadecimal digits`
      : "unknown escape in a string";
    cursor.report(at, at + match.length, message, HINT_ESCAPES);
    return "";
  });
}

/** Takes the indentation of the least indented line from all lines of a `<<-` heredoc; blank lines do not count. */
function stripIndentation(parts: Part[]): void {
  const lines = parts.map((part) => (part.kind === "text" ? part.text.split(LINES) : undefined));
  let least = Number.POSITIVE_INFINITY;
  forEachLineStart(lines, (line) => {
    least = Math.min(least, line === undefined ? 0 : line.search(/\S|$/));
    return line;
  });
  forEachLineStart(lines, (line) => line?.slice(least));
  for (const [index, part] of parts.entries()) {
    if (part.kind === "text") part.text = lines[index]?.join("") ?? "";
  }
}

/** Calls `change` for each piece of text, or interpolation (undefined), that begins a line, but blank ones. */
function forEachLineStart(
  parts: readonly (string[] | undefined)[],
  change: (line: string | undefined) => string | undefined,
): void {
  let atStart = true;
  for (const lines of parts) {
    if (lines === undefined) {
      if (atStart) change(undefined);
      atStart = false;
      continue;
    }
    for (const [index, line] of lines.entries()) {
      const blank = line.trim() === "" && line.endsWith("\n");
      if (atStart && !blank) lines[index] = change(line) ?? "";
      atStart = line.endsWith("\n");
    }
  }
}
