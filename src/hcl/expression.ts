import type { Expression, ObjectItem, TraversalStep } from "./ast.ts";
import { type Cursor, SyntaxStop } from "./cursor.ts";
import type { Token, TokenKind } from "./lexer.ts";
import { quoteName } from "./limits.ts";
import { parseTemplate } from "./template.ts";

const OPERATORS: ReadonlySet<TokenKind> = new Set<TokenKind>([
  ...(["==", "!=", "<", "<=", ">", ">="] as const),
  ...(["&&", "||", "+", "-", "*", "/", "%"] as const),
]);

/**
 * Reads one expression from the current token on. Parts of the language that are not supported are read to their end and refused by
 * name; they give an `invalid` expression. @throws SyntaxStop when the text is no expression.
 */
export function parseExpression(cursor: Cursor): Expression {
  return cursor.nested(() => {
    const start = cursor.token;
    const condition = parseOperation(cursor);
    if (!cursor.is("?")) return condition;
    const sign = cursor.advance();
    if (condition.kind !== "invalid") cursor.refuse(sign.start, sign.end, 'conditionals are not supported yet: "? :"');
    const end = cursor.quietly(() => {
      parseExpression(cursor);
      if (!cursor.is(":")) cursor.failExpecting('":" of the conditional');
      cursor.advance();
      return parseExpression(cursor).span.end;
    });
    return { kind: "invalid", span: { ...cursor.span(start, start), end } };
  });
}

function parseOperation(cursor: Cursor): Expression {
  let left = parseUnary(cursor);
  while (OPERATORS.has(cursor.token.kind)) {
    const sign = cursor.advance();
    if (left.kind !== "invalid") refuseOperator(cursor, sign);
    const right = cursor.quietly(() => parseUnary(cursor));
    left = { kind: "invalid", span: { ...left.span, end: right.span.end } };
  }
  return left;
}

function refuseOperator(cursor: Cursor, sign: Token): void {
  cursor.refuse(sign.start, sign.end, `operators are not supported yet: "${cursor.text(sign)}"`);
}

function parseUnary(cursor: Cursor): Expression {
  if (!cursor.is("-") && !cursor.is("!")) return parsePostfix(cursor);
  const sign = cursor.advance();
  if (sign.kind === "-" && cursor.is("number")) return parseNumber(cursor, sign);
  refuseOperator(cursor, sign);
  const operand = cursor.nested(() => cursor.quietly(() => parseUnary(cursor)));
  return { kind: "invalid", span: { ...cursor.span(sign, sign), end: operand.span.end } };
}

/** A primary expression and the `.name`, `[index]` and splats behind it. */
function parsePostfix(cursor: Cursor): Expression {
  const start = cursor.token;
  const base = parsePrimary(cursor);
  const steps: TraversalStep[] = [];
  let end = base.span.end.offset;
  let refused = base.kind === "invalid";
  while (cursor.is(".") || cursor.is("[")) {
    cursor.count();
    const sign = cursor.token;
    const step = cursor.is(".") ? parseDotStep(cursor) : parseIndexStep(cursor);
    if (!refused && step.splat) cursor.refuse(sign.start, step.end, "splat expressions are not supported yet");
    else if (!refused && base.kind !== "traversal") {
      cursor.refuse(sign.start, step.end, "an index on anything but a name is not supported yet");
    }
    refused ||= step.splat || base.kind !== "traversal" || step.steps.some(isInvalidStep);
    steps.push(...step.steps);
    end = step.end;
  }
  if (steps.length === 0 && !refused) return base;
  const span = cursor.source.span(start.start, end);
  if (refused || base.kind !== "traversal") return { kind: "invalid", span };
  return { ...base, steps, source: cursor.source.text.slice(start.start, end), span };
}

interface ParsedStep {
  readonly steps: readonly TraversalStep[];
  readonly splat: boolean;
  readonly end: number;
}

function isInvalidStep(step: TraversalStep): boolean {
  return step.kind === "index" && step.key.kind === "invalid";
}

function parseDotStep(cursor: Cursor): ParsedStep {
  cursor.advance();
  if (cursor.is("*")) return { steps: [], splat: true, end: cursor.advance().end };
  if (cursor.is("identifier")) {
    const name = cursor.advance();
    return { steps: [{ kind: "attribute", name: cursor.text(name) }], splat: false, end: name.end };
  }
  if (!cursor.is("number")) cursor.failExpecting('a name after "."');
  const number = cursor.advance();
  // `a.0.1` is read as `a`, `.`, `0.1` by any lexer of numbers.
  const steps = cursor
    .text(number)
    .split(".")
    .map(
      (text): TraversalStep => ({ kind: "index", key: { kind: "number", text, span: cursor.span(number, number) } }),
    );
  return { steps, splat: false, end: number.end };
}

function parseIndexStep(cursor: Cursor): ParsedStep {
  const { value, close } = cursor.bracketed(false, (open) => {
    if (cursor.is("*")) {
      cursor.advance();
      if (!cursor.is("]")) cursor.failInside(open, '"]"');
      return undefined;
    }
    const key = parseInside(cursor, open, '"]"');
    if (!cursor.is("]")) cursor.failInside(open, '"]"');
    return key;
  });
  if (value === undefined) return { steps: [], splat: true, end: close.end };
  return { steps: [{ kind: "index", key: value }], splat: false, end: close.end };
}

function parsePrimary(cursor: Cursor): Expression {
  switch (cursor.token.kind) {
    case "number":
      return parseNumber(cursor, cursor.token);
    case "identifier":
      return parseName(cursor);
    case "openQuote":
    case "openHeredoc":
      return parseTemplate(cursor, parseExpression);
    case "[":
      return parseList(cursor);
    case "{":
      return parseObject(cursor);
    case "(":
      return parseParentheses(cursor);
    default:
      return cursor.failExpecting("a value");
  }
}

/** Reads an expression within brackets, unless the text shows that their closing was forgotten. */
function parseInside(cursor: Cursor, open: Token, expected: string): Expression {
  if (cursor.is("end") || cursor.is("}") || cursor.atItemStart()) cursor.failInside(open, expected);
  return parseExpression(cursor);
}

/** `first` is the sign or the number itself. */
function parseNumber(cursor: Cursor, first: Token): Expression {
  const number = cursor.advance();
  const digits = cursor.text(number);
  const span = cursor.span(first, number);
  if (cursor.is("identifier") && cursor.token.start === number.end) {
    const unit = cursor.advance();
    cursor.report(first.start, unit.end, "a number with a unit is text", "put it in double quotes");
    return { kind: "invalid", span: cursor.span(first, unit) };
  }
  if (!Number.isFinite(Number(digits))) {
    cursor.report(first.start, number.end, "number is too large");
    return { kind: "invalid", span };
  }
  return { kind: "number", text: first === number ? digits : `-${digits}`, span };
}

function parseName(cursor: Cursor): Expression {
  const name = cursor.advance();
  const text = cursor.text(name);
  const span = cursor.span(name, name);
  if (cursor.is("(")) return parseCall(cursor, name);
  if (text === "true" || text === "false") return { kind: "literal", value: text === "true", span };
  if (text === "null") return { kind: "literal", value: null, span };
  return { kind: "traversal", root: text, steps: [], source: text, span };
}

function parseCall(cursor: Cursor, name: Token): Expression {
  cursor.refuse(name.start, name.end, `function calls are not supported yet: ${quoteName(cursor.text(name))}`);
  const { close } = cursor.bracketed(false, (open) =>
    cursor.quietly(() => {
      while (!cursor.is(")")) {
        parseInside(cursor, open, '")"');
        if (cursor.is("...")) cursor.advance();
        if (cursor.is(",")) cursor.advance();
        else if (!cursor.is(")")) cursor.failInside(open, '"," or ")"');
      }
    }),
  );
  return { kind: "invalid", span: cursor.span(name, close) };
}

function parseParentheses(cursor: Cursor): Expression {
  const { value } = cursor.bracketed(false, (open) => {
    const expression = parseInside(cursor, open, '")"');
    if (!cursor.is(")")) cursor.failInside(open, '")"');
    return expression;
  });
  return value;
}

function parseList(cursor: Cursor): Expression {
  const start = cursor.token;
  const { value, close } = cursor.bracketed(false, (open) => {
    if (isFor(cursor)) return refuseFor(cursor, open);
    const items: Expression[] = [];
    while (!cursor.is("]")) {
      items.push(parseInside(cursor, open, '"]"'));
      if (cursor.is(",")) cursor.advance();
      else if (!cursor.is("]")) expectComma(cursor, open);
    }
    return items;
  });
  const span = cursor.span(start, close);
  return value === undefined ? { kind: "invalid", span } : { kind: "list", items: value, span };
}

/** A comma that was forgotten at a line end is reported without losing the rest of the list. */
function expectComma(cursor: Cursor, open: Token): void {
  const goesOn = cursor.is("openQuote") || cursor.is("number") || cursor.is("[") || cursor.is("{");
  if (!goesOn || !cursor.isFirstOnLine(cursor.token)) cursor.failInside(open, '"," or "]"');
  const { start, end } = cursor.token;
  cursor.report(start, end, `expected "," or "]", found ${cursor.found()}`, 'put a "," behind the item before');
}

function parseObject(cursor: Cursor): Expression {
  const { value, open, close } = cursor.bracketed(true, (opening) => {
    const entries = isFor(cursor) ? refuseFor(cursor, opening) : parseObjectItems(cursor, opening);
    return { entries, opening };
  });
  cursor.notePair(value.opening, open);
  const span = cursor.span(value.opening, close);
  return value.entries === undefined ? { kind: "invalid", span } : { kind: "object", entries: value.entries, span };
}

function parseObjectItems(cursor: Cursor, open: Token): ObjectItem[] {
  const entries: ObjectItem[] = [];
  cursor.skipNewlines();
  while (!cursor.is("}")) {
    if (cursor.is("end")) cursor.failInside(open, '"}"');
    const key = parseObjectKey(cursor);
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
function parseObjectKey(cursor: Cursor): Expression {
  const first = cursor.token;
  const bare = first.kind === "identifier";
  if (first.kind === "," || first.kind === "=" || first.kind === "newline") cursor.failExpecting("a key");
  const key = parseExpression(cursor);
  if (!bare || key.kind !== "traversal") return key;
  if (key.steps.length === 0) return { kind: "template", parts: [{ kind: "text", text: key.root }], span: key.span };
  const hint = `write ${quoteName(key.source)} for the text; parentheses give the value`;
  cursor.report(key.span.start.offset, key.span.end.offset, "a reference as key stands in parentheses", hint);
  return { kind: "invalid", span: key.span };
}

function isFor(cursor: Cursor): boolean {
  return cursor.is("identifier") && cursor.text(cursor.token) === "for";
}

/** Skips a `for` expression up to its closing bracket. */
function refuseFor(cursor: Cursor, open: Token): undefined {
  const depth = cursor.depth;
  cursor.refuse(cursor.token.start, cursor.token.end, '"for" expressions are not supported yet');
  while (cursor.depth >= depth) {
    if (cursor.is("broken")) throw new SyntaxStop();
    if (cursor.is("end") || cursor.atItemStart()) cursor.failInside(open, '"]"');
    cursor.advance();
  }
  return undefined;
}
