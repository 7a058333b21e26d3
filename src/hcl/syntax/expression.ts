import type { BinaryOperator, Expression, OperationStep } from "../ast.ts";
import { parseList, parseObject } from "./collection.ts";
import type { Cursor } from "./cursor.ts";
import type { Token } from "./lexer.ts";
import { parseInside, parsePostfix } from "./postfix.ts";
import { parseTemplate } from "./template.ts";

/** How strongly operators bind; those that do so alike are taken from left to right. */
const STRENGTH: ReadonlyMap<string, number> = new Map(
  [["||"], ["&&"], ["==", "!="], ["<", "<=", ">", ">="], ["+", "-"], ["*", "/", "%"]].flatMap((operators, strength) =>
    operators.map((operator): [string, number] => [operator, strength]),
  ),
);

/** Reads one expression from the current token on. @throws SyntaxStop when the text is none. */
export function parseExpression(cursor: Cursor): Expression {
  return cursor.nested(() => {
    const start = cursor.token;
    const condition = parseOperation(cursor, parseUnary(cursor), 0);
    if (!cursor.is("?")) return condition;
    cursor.advance();
    const yes = parseExpression(cursor);
    if (!cursor.is(":")) cursor.failExpecting('":" of the conditional');
    cursor.advance();
    const no = parseExpression(cursor);
    return { kind: "conditional", condition, yes, no, span: { ...cursor.span(start, start), end: no.span.end } };
  });
}

/** Reads the operators behind an operand, and theirs, as far as they bind at least so strongly. */
function parseOperation(cursor: Cursor, operand: Expression, least: number): Expression {
  let first = operand;
  for (;;) {
    const strength = STRENGTH.get(cursor.token.kind);
    if (strength === undefined || strength < least) return first;
    const rest: OperationStep[] = [];
    let { end } = first.span;
    while (STRENGTH.get(cursor.token.kind) === strength) {
      const operator = cursor.advance().kind as BinaryOperator;
      cursor.count();
      const next = parseOperation(cursor, parseUnary(cursor), strength + 1);
      rest.push({ operator, operand: next });
      end = next.span.end;
    }
    first = { kind: "operation", first, rest, span: { ...first.span, end } };
  }
}

function parseUnary(cursor: Cursor): Expression {
  if (!cursor.is("-") && !cursor.is("!")) return parsePostfix(cursor, parsePrimary, parseExpression);
  const sign = cursor.advance();
  const operand = cursor.nested(() => parseUnary(cursor));
  const span = { ...cursor.span(sign, sign), end: operand.span.end };
  const operator = sign.kind === "-" ? "-" : "!";
  if (operator === "-" && operand.kind === "number" && !operand.text.startsWith("-")) {
    return { kind: "number", text: `-${operand.text}`, span };
  }
  return { kind: "unary", operator, operand, span };
}

function parsePrimary(cursor: Cursor): Expression {
  switch (cursor.token.kind) {
    case "number":
      return parseNumber(cursor);
    case "identifier":
      return parseName(cursor);
    case "openQuote":
    case "openHeredoc":
      return parseTemplate(cursor, parseExpression);
    case "[":
      return parseList(cursor, parseExpression);
    case "{":
      return parseObject(cursor, parseExpression);
    case "(":
      return parseParentheses(cursor);
    default:
      return cursor.failExpecting("a value");
  }
}

function parseNumber(cursor: Cursor): Expression {
  const number = cursor.advance();
  const digits = cursor.text(number);
  const span = cursor.span(number, number);
  if (cursor.is("identifier") && cursor.token.start === number.end) {
    const unit = cursor.advance();
    cursor.report(number.start, unit.end, "a number with a unit is text", "put it in double quotes");
    return { kind: "invalid", span: cursor.span(number, unit) };
  }
  if (!Number.isFinite(Number(digits))) {
    cursor.report(number.start, number.end, "number is too large");
    return { kind: "invalid", span };
  }
  return { kind: "number", text: digits, span };
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
  const args: Expression[] = [];
  const { value: expand, close } = cursor.bracketed(false, (open) => {
    while (!cursor.is(")")) {
      args.push(parseInside(cursor, open, '")"', parseExpression));
      if (cursor.is("...")) {
        cursor.advance();
        // A comma may stand behind the last argument.
        if (cursor.is(",")) cursor.advance();
        if (!cursor.is(")")) cursor.failInside(open, '")" behind the last argument');
        return true;
      }
      if (cursor.is(",")) cursor.advance();
      else if (!cursor.is(")")) cursor.failInside(open, '"," or ")"');
    }
    return false;
  });
  const nameSpan = cursor.span(name, name);
  return { kind: "call", name: cursor.text(name), nameSpan, args, expand, span: cursor.span(name, close) };
}

function parseParentheses(cursor: Cursor): Expression {
  const { value } = cursor.bracketed(false, (open) => {
    const expression = parseInside(cursor, open, '")"', parseExpression);
    if (!cursor.is(")")) cursor.failInside(open, '")"');
    return expression;
  });
  return value;
}
