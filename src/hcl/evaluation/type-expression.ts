import { nearestName } from "../../base/text.ts";
import type { Expression } from "../ast.ts";
import { ANY, BOOL, NUMBER, STRING, type Type } from "../cty/type.ts";
import { quoteName } from "../limits.ts";
import type { Span } from "../span.ts";
import { plainText } from "../syntax/references.ts";

/** Why an expression is no type. */
export interface NoType {
  readonly problem: string;
  readonly span: Span;
  readonly hint?: string | undefined;
}

const WORDS: Readonly<Record<string, Type>> = { string: STRING, number: NUMBER, bool: BOOL };
const MAKERS = ["list", "set", "map", "object", "tuple"];
const HINT = "types are string, number, bool, list(…), set(…), map(…), object({ name = type }) and tuple([…])";

/**
 * Reads the type that an expression spells: `list(string)`, `object({ name = string })`.
 * @param open whether `any` may leave a part of it open; Nomad's variables have none.
 */
export function readType(expression: Expression, open: "open" | "exact"): Type | NoType {
  const { span } = expression;
  if (expression.kind === "traversal" && expression.steps.length === 0) return readWord(expression.root, span, open);
  if (expression.kind !== "call") return { problem: "this is no type", span, hint: HINT };
  const { name, nameSpan, args } = expression;
  const [arg] = args;
  if (!MAKERS.includes(name)) return unknownType(name, nameSpan);
  if (arg === undefined || args.length > 1) return { problem: `${name}(…) takes one argument`, span, hint: HINT };
  switch (name) {
    case "object":
      return readObject(arg, open);
    case "tuple":
      return readTuple(arg, open);
    default: {
      const element = readType(arg, open);
      if ("problem" in element) return element;
      return { kind: name === "list" ? "list" : name === "set" ? "set" : "map", element };
    }
  }
}

function readWord(word: string, span: Span, open: "open" | "exact"): Type | NoType {
  const type = Object.hasOwn(WORDS, word) ? WORDS[word] : undefined;
  if (type !== undefined) return type;
  if (word === "any") {
    return open === "open" ? ANY : { problem: '"any" is no type of a variable: it says nothing', span, hint: HINT };
  }
  if (MAKERS.includes(word)) {
    const inner = word === "object" ? "{ name = string }" : word === "tuple" ? "[string]" : "string";
    return { problem: `${word} needs the type of what is in it`, span, hint: `write ${word}(${inner}), for example` };
  }
  return unknownType(word, span);
}

function unknownType(word: string, span: Span): NoType {
  const near = nearestName(word, [...Object.keys(WORDS), ...MAKERS]);
  return {
    problem: `unknown type ${quoteName(word)}`,
    span,
    hint: near === undefined ? HINT : `did you mean "${near}"?`,
  };
}

function readObject(arg: Expression, open: "open" | "exact"): Type | NoType {
  if (arg.kind !== "object") {
    return { problem: "object(…) takes names with types in braces", span: arg.span, hint: "object({ name = string })" };
  }
  const attributes = new Map<string, Type>();
  for (const { key, value } of arg.entries) {
    const name = plainText(key);
    if (name === undefined) return { problem: "the name of an attribute is plain text", span: key.span };
    const type = readType(value, open);
    if ("problem" in type) return type;
    attributes.set(name, type);
  }
  return { kind: "object", attributes };
}

function readTuple(arg: Expression, open: "open" | "exact"): Type | NoType {
  if (arg.kind !== "list") {
    return { problem: "tuple(…) takes types in brackets", span: arg.span, hint: "tuple([string, number])" };
  }
  const elements: Type[] = [];
  for (const item of arg.items) {
    const type = readType(item, open);
    if ("problem" in type) return type;
    elements.push(type);
  }
  return { kind: "tuple", elements };
}
