import type { Expression, TemplatePart } from "../ast.ts";
import type { Diagnostic } from "../diagnostic.ts";
import { Source } from "../source.ts";
import type { Position, Span } from "../span.ts";
import { Cursor, GiveUp, SyntaxStop } from "./cursor.ts";
import { parseExpression } from "./expression.ts";
import { parseTemplate } from "./template.ts";

/** A text that stands within another one, such as a string of JSON: all of it has the place of that. */
class EmbeddedSource extends Source {
  readonly #span: Span;

  constructor(text: string, span: Span) {
    super(span.file, text);
    this.#span = span;
  }

  override position(): Position {
    return this.#span.start;
  }

  override span(): Span {
    return this.#span;
  }
}

/** Ends the heredoc that a template is read as; grows until nothing in the template is like it. */
const MARKER = "end-of-the-text-of-a-string";

/** Dashes behind the marker in a text; -1 where it is not there. */
function longestRun(text: string): number {
  let longest = -1;
  for (const [, dashes = ""] of text.matchAll(/end-of-the-text-of-a-string(-*)/g))
    longest = Math.max(longest, dashes.length);
  return longest;
}

function markerFor(text: string): string {
  const longest = longestRun(text);
  return MARKER + "-".repeat(longest + 1);
}

/** Whether a text has anything in it that is computed. */
export function isTemplate(text: string): boolean {
  return /[$%]\{/.test(text);
}

/** A template that is no quoted string: what is in it needs no escapes, but for `$${` and `%%{`. */
export function embeddedTemplate(text: string, span: Span, diagnostics: Diagnostic[]): Expression {
  const marker = markerFor(text);
  const source = new EmbeddedSource(`<<${marker}\n${text}\n${marker}\n`, span);
  const template = attempt(source, diagnostics, (cursor) => parseTemplate(cursor, parseExpression));
  return template.kind === "template" ? { ...template, parts: withoutLineEnd(template.parts) } : template;
}

/** The line end before the marker is none of the text. */
function withoutLineEnd(parts: readonly TemplatePart[]): readonly TemplatePart[] {
  const last = parts.at(-1);
  if (last?.kind !== "text" || !last.text.endsWith("\n"))
    return parts.filter((part) => part.kind !== "text" || part.text !== "");
  const text = last.text.slice(0, -1);
  return text === "" ? parts.slice(0, -1) : [...parts.slice(0, -1), { kind: "text", text }];
}

/** An expression that is written as text, such as the type of a variable. */
export function embeddedExpression(text: string, span: Span, diagnostics: Diagnostic[]): Expression {
  return attempt(new EmbeddedSource(text, span), diagnostics, (cursor) => {
    const expression = parseExpression(cursor);
    if (!cursor.is("end") && !cursor.is("newline")) cursor.failExpecting("the end of the text");
    return expression;
  });
}

function attempt(source: Source, diagnostics: Diagnostic[], parse: (cursor: Cursor) => Expression): Expression {
  const told: Diagnostic[] = [];
  try {
    return parse(new Cursor(source, told));
  } catch (error) {
    if (error instanceof SyntaxStop || error instanceof GiveUp) return { kind: "invalid", span: source.span(0, 0) };
    throw error;
  } finally {
    // The marker is ours, and not the user's.
    const inWords = (message: string): string =>
      message.replace(/"end-of-the-text-of-a-string-*"/, "the end of the text");
    diagnostics.push(...told.map((diagnostic) => ({ ...diagnostic, message: inWords(diagnostic.message) })));
  }
}
