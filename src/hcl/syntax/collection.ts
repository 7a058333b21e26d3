import type { Expression, ObjectItem } from "../ast.ts";
import { quoteName } from "../limits.ts";
import type { Cursor } from "./cursor.ts";
import type { Token } from "./lexer.ts";
import { isWord, parseLoop } from "./loop.ts";
import { type ParseExpression, parseInside } from "./postfix.ts";

/** Reads `[a, b]` or `[for …]`, whose bracket is the current token. */
export function parseList(cursor: Cursor, parseExpression: ParseExpression): Expression {
  const start = cursor.token;
  const { value, close } = cursor.bracketed(false, (open): Unplaced => {
    if (isWord(cursor, "for")) return parseFor(cursor, open, '"]"', parseExpression);
    const items: Expression[] = [];
    while (!cursor.is("]")) {
      items.push(parseInside(cursor, open, '"]"', parseExpression));
      if (cursor.is(",")) cursor.advance();
      else if (!cursor.is("]")) expectComma(cursor, open);
    }
    return { kind: "list", items };
  });
  return { ...value, span: cursor.span(start, close) };
}

type Unspanned<E> = E extends Expression ? Omit<E, "span"> : never;
type Unplaced = Unspanned<Extract<Expression, { kind: "list" | "object" | "for" }>>;

/** A comma that was forgotten at a line end is reported without losing the rest of the list. */
function expectComma(cursor: Cursor, open: Token): void {
  const goesOn = cursor.is("openQuote") || cursor.is("number") || cursor.is("[") || cursor.is("{");
  if (!goesOn || !cursor.isFirstOnLine(cursor.token)) cursor.failInside(open, '"," or "]"');
  const { start, end } = cursor.token;
  cursor.report(start, end, `expected "," or "]", found ${cursor.found()}`, 'put a "," behind the item before');
}

/** Reads `{ a = b }` or `{for …}`, whose brace is the current token. */
export function parseObject(cursor: Cursor, parseExpression: ParseExpression): Expression {
  const { value, open, close } = cursor.bracketed(true, (opening): { found: Unplaced; opening: Token } => {
    cursor.skipNewlines();
    const found: Unplaced = isWord(cursor, "for")
      ? cursor.ignoringNewlines(() => parseFor(cursor, opening, '"}"', parseExpression))
      : { kind: "object", entries: parseObjectItems(cursor, opening, parseExpression) };
    return { found, opening };
  });
  cursor.notePair(value.opening, open);
  return { ...value.found, span: cursor.span(value.opening, close) };
}

function parseObjectItems(cursor: Cursor, open: Token, parseExpression: ParseExpression): ObjectItem[] {
  const entries: ObjectItem[] = [];
  while (!cursor.is("}")) {
    if (cursor.is("end")) cursor.failInside(open, '"}"');
    const key = parseObjectKey(cursor, parseExpression);
    if (!cursor.is("=") && !cursor.is(":")) cursor.failExpecting('"=" after the key');
    cursor.advance();
    entries.push({ key, value: parseExpression(cursor) });
    if (cursor.is(",")) cursor.advance();
    else if (!cursor.is("newline") && !cursor.is("}")) cursor.failExpecting('"," or the end of the line');
    cursor.skipNewlines();
  }
  return entries;
}

/** A plain name as key is that word; a longer reference needs parentheses, so that nobody takes it for a nested key. */
function parseObjectKey(cursor: Cursor, parseExpression: ParseExpression): Expression {
  const first = cursor.token;
  const bare = first.kind === "identifier";
  if (first.kind === "," || first.kind === "=" || first.kind === "newline") cursor.failExpecting("a key");
  const key = parseExpression(cursor);
  if (!bare) return key;
  if (key.kind !== "traversal") return key;
  if (key.steps.length === 0) return { kind: "template", parts: [{ kind: "text", text: key.root }], span: key.span };
  const hint = `write ${quoteName(key.source)} for the text; parentheses give the value`;
  cursor.report(key.span.start.offset, key.span.end.offset, "a reference as key stands in parentheses", hint);
  return { kind: "invalid", span: key.span };
}

/** Reads a `for` expression, whose first word is the current token, up to the closing bracket. */
function parseFor(cursor: Cursor, open: Token, close: '"]"' | '"}"', parseExpression: ParseExpression): Unplaced {
  const inside = () => parseInside(cursor, open, close, parseExpression);
  const loop = parseLoop(cursor, parseExpression);
  if (!cursor.is(":")) cursor.failExpecting('":" behind the collection of "for"');
  cursor.advance();
  const first = inside();
  const object = close === '"}"';
  if (object && !cursor.is("=>")) cursor.failExpecting('"=>" between key and value of "for"');
  if (!object && cursor.is("=>")) cursor.fail('"for" with keys stands in braces', "write {for … : key => value}");
  if (object) cursor.advance();
  const value = object ? inside() : first;
  const grouping = object && cursor.is("...");
  if (grouping) cursor.advance();
  const conditional = isWord(cursor, "if");
  if (conditional) cursor.advance();
  const condition = conditional ? inside() : undefined;
  if (!cursor.is(object ? "}" : "]")) cursor.failInside(open, conditional ? close : `"if" or ${close}`);
  return { kind: "for", loop, key: object ? first : undefined, value, condition, grouping };
}
