import { closingAt, isSpace } from "./delimiters.ts";
import { TemplateFault } from "./fault.ts";
import { type Item, intItem, textItem } from "./item.ts";
import { readQuoted } from "./quoted.ts";

/** A word of an action. */
export type Token = {
  readonly line: number;
  /** Whether space or the action's beginning stands before it. */
  readonly spaced: boolean;
} & (
  | { readonly kind: "name" | "field" | "variable" | "symbol"; readonly text: string }
  | { readonly kind: "literal"; readonly item: Item }
);

const NAME = /[\p{L}_][\p{L}\p{Nd}_]*/uy;
const SYMBOL = /:=|[=|(),]/y;
const NUMBER =
  /[+-]?(?:0[xX][0-9a-fA-F_]+|0[oO]?[0-7_]+(?![\d.eE])|0[bB][01_]+|(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d+)?)/y;

/**
 * Reads the words of an action up to its end.
 * @param lineAt the line of a place, asked for in the order of the text.
 * @returns `end` is where the closing delimiter stands.
 * @throws TemplateFault.
 */
export function tokenize(
  text: string,
  begin: number,
  right: string,
  lineAt: (at: number) => number,
): { readonly tokens: readonly Token[]; readonly end: number } {
  const tokens: Token[] = [];
  const opened = lineAt(begin);
  let spaced = true;
  for (let at = begin; at < text.length; ) {
    if (closingAt(text, at, right) !== undefined) return { tokens, end: at };
    if (isSpace(text[at])) {
      spaced = true;
      at++;
      continue;
    }
    const line = lineAt(at);
    const { token, end } = readToken(text, at, line);
    tokens.push({ ...token, line, spaced });
    spaced = false;
    at = end;
  }
  throw new TemplateFault(`an action has no end: no ${right} stands behind it`, { line: opened });
}

type Bare = { readonly kind: "name" | "field" | "variable" | "symbol"; readonly text: string } | Literal;
interface Literal {
  readonly kind: "literal";
  readonly item: Item;
}

function readToken(text: string, at: number, line: number): { readonly token: Bare; readonly end: number } {
  const character = text[at];
  if (character === '"' || character === "`" || character === "'") {
    const { value, end } = readQuoted(text, at, line);
    const item = character === "'" ? intItem(BigInt(value.codePointAt(0) ?? 0)) : textItem(value);
    return { token: { kind: "literal", item }, end };
  }
  const number = match(NUMBER, text, at);
  if (number !== undefined)
    return { token: { kind: "literal", item: readNumber(number, line) }, end: at + number.length };
  if (character === "." || character === "$") {
    const name = match(NAME, text, at + 1) ?? "";
    const kind = character === "." ? "field" : "variable";
    return { token: { kind, text: character + name }, end: at + 1 + name.length };
  }
  const name = match(NAME, text, at);
  if (name !== undefined) return { token: { kind: "name", text: name }, end: at + name.length };
  const symbol = match(SYMBOL, text, at);
  if (symbol !== undefined) return { token: { kind: "symbol", text: symbol }, end: at + symbol.length };
  throw new TemplateFault("an action holds a character that means nothing there", { line });
}

function match(pattern: RegExp, text: string, at: number): string | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0];
}

/** Longer ones mean nothing else, and take long to read. */
const LONGEST_NUMBER = 100;

function readNumber(spelled: string, line: number): Item {
  const digits = spelled.replaceAll("_", "").replace(/^[+-]/, "");
  const sign = spelled.startsWith("-") ? -1 : 1;
  if (spelled.length > LONGEST_NUMBER) throw new TemplateFault("a number is too long", { line });
  if (/^0[xXbBoO]/.test(digits)) return whole(BigInt(digits.toLowerCase()), sign, line);
  if (/^0[0-7]+$/.test(digits)) return whole(BigInt(`0o${digits.slice(1)}`), sign, line);
  if (/^\d+$/.test(digits)) return whole(BigInt(digits), sign, line);
  const value = Number(digits) * sign;
  if (!Number.isFinite(value)) throw new TemplateFault("a number is too large", { line });
  return { kind: "float", value };
}

function whole(magnitude: bigint, sign: number, line: number): Item {
  const value = magnitude * BigInt(sign);
  if (BigInt.asIntN(64, value) !== value) throw new TemplateFault("a number is too large", { line });
  return intItem(value);
}
