import type { Attribute, Block, Body, Expression } from "./ast.ts";
import { type Diagnostic, sortDiagnostics } from "./diagnostic.ts";
import { quoteName } from "./limits.ts";
import { readSource, type Source } from "./source.ts";
import type { Span } from "./span.ts";
import { Cursor, GiveUp, SyntaxStop } from "./syntax/cursor.ts";
import { parseExpression } from "./syntax/expression.ts";
import type { Token } from "./syntax/lexer.ts";
import { parseTemplate } from "./syntax/template.ts";

/** What `parseHcl` gives; `body` holds all that could be read, and `diagnostics` the rest, sorted by position. */
export interface ParsedHcl {
  readonly body: Body;
  readonly diagnostics: Diagnostic[];
  readonly source: Source;
}

/**
 * Parses HCL in its native syntax. All errors of the text are found at once: after one, reading goes on with the next item at the same
 * nesting. Never throws; takes time and memory linear in the length of the text, which is limited (`limits.ts`).
 * @param file the name that positions carry.
 */
export function parseHcl(file: string, text: string | Uint8Array): ParsedHcl {
  const { source, diagnostics, readable } = readSource(file, text);
  const items = new BodyItems();
  if (readable) {
    try {
      parseItems(new Cursor(source, diagnostics), items, { depth: 0, lines: "several" });
    } catch (error) {
      if (!(error instanceof GiveUp)) throw error;
      items.incomplete = true;
    }
  } else items.incomplete = true;
  const body = items.finish(source.span(0, source.text.length));
  return { body, diagnostics: sortDiagnostics(diagnostics), source };
}

type Label = Block["labels"][number];

/** A body while it is read. */
class BodyItems {
  readonly attributes = new Map<string, Attribute>();
  readonly blocks: Block[] = [];
  incomplete = false;

  finish(span: Span): Body {
    const { blocks, incomplete } = this;
    return { attributes: [...this.attributes.values()], blocks, span, ...(incomplete ? { incomplete } : {}) };
  }
}

/** Where a body stands. */
interface Place {
  /** How many brackets are open in it. */
  readonly depth: number;
  /** The opening brace of a block. */
  readonly open?: Token;
  /** Whether its items stand on the line of the brace; `mixed` once it was told that they should not. */
  lines: "one" | "several" | "mixed";
}

/** Reads items up to the closing brace, which stays the current token, or the end of the text. */
function parseItems(cursor: Cursor, items: BodyItems, place: Place): void {
  const nesting = cursor.nesting;
  for (;;) {
    cursor.skipNewlines();
    if (cursor.is("end") || (cursor.is("}") && place.open !== undefined)) return;
    try {
      parseItem(cursor, items, place);
    } catch (error) {
      if (!(error instanceof SyntaxStop)) throw error;
      items.incomplete = true;
      cursor.recover(place.depth, nesting);
    }
  }
}

function parseItem(cursor: Cursor, items: BodyItems, place: Place): void {
  if (cursor.is("}")) {
    const brace = cursor.advance();
    cursor.report(brace.start, brace.end, 'nothing is open that this "}" could close');
    return;
  }
  const quoted = cursor.is("openQuote");
  if (!cursor.is("identifier") && !quoted) cursor.failExpecting("an attribute or a block");
  const first = cursor.token;
  const name = quoted ? parseQuotedLabel(cursor) : parseBareLabel(cursor);
  if (cursor.is("=") || cursor.is(":") || cursor.is("==")) {
    if (quoted) reportAt(cursor, name.span, "the name of an attribute stands without quotes");
    else if (!cursor.is("=")) reportAssignment(cursor);
    cursor.advance();
    parseAttribute(cursor, items, place, name);
  } else if (quoted) {
    reportAt(cursor, name.span, "a line begins with the name of an attribute or block, not with a string");
    throw new SyntaxStop();
  } else parseBlock(cursor, items, place, first);
}

function reportAt(cursor: Cursor, span: Span, message: string, hint?: string): void {
  cursor.report(span.start.offset, span.end.offset, message, hint);
}

function reportAssignment(cursor: Cursor): void {
  const { start, end } = cursor.token;
  cursor.report(start, end, `expected "=" after the name of the attribute, found ${cursor.found()}`);
}

/** An attribute whose value cannot be read is kept with an `invalid` one: it is not missing. */
function parseAttribute(cursor: Cursor, items: BodyItems, place: Place, name: Label): void {
  let value: Expression = { kind: "invalid", span: name.span };
  try {
    value = parseExpression(cursor);
  } finally {
    addAttribute(cursor, items, { name: name.text, nameSpan: name.span, value });
  }
  expectItemEnd(cursor, place, "the value");
}

function addAttribute(cursor: Cursor, items: BodyItems, attribute: Attribute): void {
  const first = items.attributes.get(attribute.name);
  if (first === undefined) {
    items.attributes.set(attribute.name, attribute);
    return;
  }
  const { line, column } = first.nameSpan.start;
  const message = `attribute ${quoteName(attribute.name)} is set twice; first on line ${line}, column ${column}`;
  reportAt(cursor, attribute.nameSpan, message);
}

/** What may stand behind an attribute or block: a line end, or the brace of a block on one line. */
function expectItemEnd(cursor: Cursor, place: Place, what: string): void {
  if (cursor.is("end")) return;
  if (cursor.is("newline")) {
    if (place.lines === "one" && place.open !== undefined) reportOneLine(cursor, place, place.open);
    return;
  }
  if (cursor.is("}") && place.open !== undefined) {
    if (place.lines === "several") cursor.fail('the "}" of a block of several lines stands on its own line');
    return;
  }
  if (place.lines !== "several" && (cursor.is(",") || cursor.is("identifier"))) {
    reportOneLine(cursor, place, cursor.token);
    if (cursor.is(",")) cursor.advance();
    return;
  }
  if (!cursor.is(",")) cursor.failExpecting(`the end of the line after ${what}`);
  const comma = cursor.advance();
  cursor.report(comma.start, comma.end, 'a line end, not ",", stands between attributes');
}

/** Told once per block; what follows is read as if the block had several lines. */
function reportOneLine(cursor: Cursor, place: Place, at: Token): void {
  if (place.lines === "one") {
    const hint = "put each item, and the closing brace, on a line of its own";
    cursor.report(at.start, at.end, "a block on one line holds one attribute and nothing else", hint);
  }
  place.lines = "mixed";
}

function parseBlock(cursor: Cursor, items: BodyItems, place: Place, type: Token): void {
  const labels: Label[] = [];
  while (cursor.is("identifier") || cursor.is("openQuote")) {
    cursor.count();
    labels.push(cursor.is("openQuote") ? parseQuotedLabel(cursor) : parseBareLabel(cursor));
  }
  expectBrace(cursor, type, labels.length > 0);
  if (place.lines === "one") reportOneLine(cursor, place, type);
  const body = cursor.nested(() => parseBlockBody(cursor));
  items.blocks.push({ type: cursor.text(type), typeSpan: cursor.span(type, type), labels, body });
  expectItemEnd(cursor, place, "the block");
}

function parseBareLabel(cursor: Cursor): Label {
  const token = cursor.advance();
  return { text: cursor.text(token), span: cursor.span(token, token) };
}

/** The label of a block is plain text. @throws SyntaxStop when the string is never closed. */
function parseQuotedLabel(cursor: Cursor): Label {
  const open = cursor.token;
  try {
    return plainLabel(cursor, parseTemplate(cursor, parseExpression));
  } catch (error) {
    const text = error instanceof SyntaxStop ? cursor.reviveBrace() : undefined;
    if (text === undefined) throw error;
    return { text, span: cursor.source.span(open.start, cursor.token.start) };
  }
}

function plainLabel(cursor: Cursor, template: Expression): Label {
  const { span } = template;
  const parts = template.kind === "template" ? template.parts : [];
  if (parts.some(({ kind }) => kind !== "text")) {
    reportAt(cursor, span, 'a label is plain text and holds no "${…}" or "%{…}"', 'for the text "${" write "$${"');
  }
  return { text: parts.map((part) => (part.kind === "text" ? part.text : "")).join(""), span };
}

/** Stops at the opening brace of a block; one that stands on the next line is reported and accepted. */
function expectBrace(cursor: Cursor, type: Token, labelled: boolean): void {
  if (cursor.is("{")) return;
  const name = quoteName(cursor.text(type));
  const rest = cursor.source.text.slice(cursor.token.start);
  if (cursor.is("newline") && /^\s*\{/.test(rest)) {
    cursor.skipNewlines();
    cursor.report(cursor.token.start, cursor.token.end, `the "{" of a block stands on the line of its name`);
    return;
  }
  if (labelled) cursor.failExpecting(`"{" after the label of ${name}`, 'between an attribute and its value stands "="');
  cursor.failExpecting(`"=" or "{" after ${name}`);
}

function parseBlockBody(cursor: Cursor): Body {
  const { depth } = cursor;
  const open = cursor.advance();
  const items = new BodyItems();
  const oneLine = !cursor.is("newline") && !cursor.is("}");
  parseItems(cursor, items, { depth, open, lines: oneLine ? "one" : "several" });
  if (cursor.is("end")) {
    cursor.reportUnclosed(open);
    items.incomplete = true;
    return items.finish(cursor.span(open, cursor.token));
  }
  const close = cursor.advance();
  cursor.notePair(open, close);
  return items.finish(cursor.span(open, close));
}
