import { escapeControls } from "../base/text.ts";
import type { Block, Body, Expression } from "./ast.ts";
import type { AnyBlock } from "./describe.ts";
import type { Scope } from "./evaluation/scope.ts";
import type { JsonValue } from "./leaf.ts";
import type { Span } from "./span.ts";
import type { Value } from "./value.ts";

/** What stands in a block, the same view of HCL and of JSON. */
export interface Content {
  /** What to point at when something is missing in it. */
  readonly span: Span;
  readonly labels: readonly Label[];
  readonly items: readonly Item[];
  /** True when some of it could not be read, which was told: what seems to be missing may stand there. */
  readonly incomplete: boolean;
}

export interface Label {
  readonly text: string;
  readonly span: Span;
}

export interface Item {
  readonly name: string;
  readonly nameSpan: Span;
  /** What stands in it, when it is a block of HCL; JSON has no form of its own for blocks. */
  readonly block: Content | undefined;
  /** The value of an attribute; undefined when it could not be had, which was told. */
  value(): Value | undefined;
}

/** What a view of a body asks for. */
export interface BodyReader {
  evaluate(expression: Expression, scope: Scope): Value | undefined;
  /** The blocks that a `dynamic` block stands for; undefined where there are none and it is a name as others. */
  expand: ((block: Block, scope: Scope) => readonly GeneratedBlock[]) | undefined;
}

/** A block that is not written as it is, with the names that its expressions know. */
export interface GeneratedBlock {
  readonly type: string;
  readonly typeSpan: Span;
  readonly labels: readonly Label[];
  readonly body: Body;
  readonly scope: Scope;
}

/**
 * A view of a body of HCL. Expressions are evaluated and dynamic blocks are expanded when they are asked for, so that nothing is told
 * about what nobody reads.
 */
export function contentOfBody(
  body: Body,
  span: Span,
  labels: readonly Label[],
  scope: Scope,
  reader: BodyReader,
): Content {
  let items: readonly Item[] | undefined;
  return {
    span,
    labels,
    incomplete: body.incomplete ?? false,
    get items() {
      items ??= itemsOfBody(body, scope, reader);
      return items;
    },
  };
}

function itemsOfBody(body: Body, scope: Scope, reader: BodyReader): Item[] {
  const attributes: Item[] = body.attributes.map(({ name, nameSpan, value }) => ({
    name,
    nameSpan,
    block: undefined,
    value: () => reader.evaluate(value, scope),
  }));
  const blocks = body.blocks.flatMap((block): readonly GeneratedBlock[] =>
    block.type === "dynamic" && reader.expand !== undefined ? reader.expand(block, scope) : [{ ...block, scope }],
  );
  const items: Item[] = blocks.map((inner) => ({
    name: inner.type,
    nameSpan: inner.typeSpan,
    block: contentOfBody(inner.body, inner.typeSpan, inner.labels, inner.scope, reader),
    value: () => undefined,
  }));
  return [...attributes, ...items].sort((a, b) => a.nameSpan.start.offset - b.nameSpan.start.offset);
}

/** A block in which nothing stands. */
export function emptyContent(span: Span): Content {
  return { span, labels: [], items: [], incomplete: false };
}

/** A view of an object of JSON. */
export function contentOfObject(object: Value & { kind: "object" }, labels: readonly Label[] = []): Content {
  const items = object.entries.map(({ key, keySpan, value }) => ({
    name: key,
    nameSpan: keySpan,
    block: undefined,
    value: () => value,
  }));
  return { span: object.span, labels, items, incomplete: false };
}

/**
 * The blocks that a value of JSON stands for: an object is one, a list of objects several. Where a block has labels that are no
 * entries of it, each key is a label, as in HCL's own JSON form.
 * @returns undefined when it stands for none.
 */
export function contentsOfValue(value: Value, labels: number, before: readonly Label[] = []): Content[] | undefined {
  if (value.kind === "null") return [];
  if (value.kind === "list") {
    const parts = value.items.map((item) => contentsOfValue(item, labels, before));
    return parts.every((part) => part !== undefined) ? parts.flat() : undefined;
  }
  if (value.kind !== "object") return undefined;
  if (labels === before.length) return [contentOfObject(value, before)];
  const parts = value.entries.map((entry) =>
    contentsOfValue(entry.value, labels, [...before, { text: entry.key, span: entry.keySpan }]),
  );
  return parts.every((part) => part !== undefined) ? parts.flat() : undefined;
}

/** How many labels of a block are no entries of it in JSON. */
export function countOuterLabels(block: AnyBlock): number {
  return Object.values(block.fields).filter((field) => field.kind === "label" && field.json === undefined).length;
}

/** A found value for messages: itself when it is short and no secret, else its kind. @param unseen true for a secret. */
export function describeFound(value: Value, unseen: boolean): string {
  const secret = unseen || value.hidden === true;
  switch (value.kind) {
    case "null":
      return "null";
    case "bool":
      return secret ? "true or false" : String(value.value);
    case "number":
      return secret ? "a number" : value.text;
    case "string":
      return secret ? "text" : quoteFound(value.value);
    case "list":
      return "a list";
    case "object":
      return "a map";
  }
}

/** Longest text that a message repeats, in UTF-16 code units. */
const LONGEST_FOUND = 80;

/** A text of the user in double quotes, with control characters made visible and cut when it is long. */
export function quoteFound(text: string): string {
  return text.length > LONGEST_FOUND
    ? `"${escapeControls(text.slice(0, LONGEST_FOUND))}…"`
    : `"${escapeControls(text)}"`;
}

/**
 * Whether a value of JSON says nothing: null, false, 0, or empty all through, or what `neutral` says at the same place. Programs
 * that fill in defaults write such values for what a user never wrote.
 */
export function isNeutral(value: Value, neutral: JsonValue | undefined): boolean {
  switch (value.kind) {
    case "null":
      return true;
    case "bool":
      return !value.value || neutral === true;
    case "number":
    case "string":
      return value.value === 0 || value.value === "" || value.value === neutral;
    case "list":
      return value.items.length === 0 || isNeutralList(value.items, neutral);
    case "object":
      return value.entries.every(({ key, value: entry }) => isNeutral(entry, entryOf(neutral, key)));
  }
}

function isNeutralList(items: readonly Value[], neutral: JsonValue | undefined): boolean {
  if (!Array.isArray(neutral) || neutral.length !== items.length) return false;
  return items.every((item, index) => isNeutral(item, neutral[index]));
}

function entryOf(json: JsonValue | undefined, key: string): JsonValue | undefined {
  if (typeof json !== "object" || json === null || Array.isArray(json)) return undefined;
  return (json as { readonly [key: string]: JsonValue | undefined })[key];
}
