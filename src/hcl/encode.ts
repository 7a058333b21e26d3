import type { AnyBlock, AnyField, Block } from "./describe.ts";
import type { JsonValue } from "./leaf.ts";

export type JsonObject = { readonly [key: string]: JsonValue };

/** Writes a value to JSON as its description says: under the names of JSON, null for what is absent, and whole. */
export function encode<T>(block: Block<T>, value: NoInfer<T>): JsonObject {
  return encodeBlock(block, value);
}

function encodeBlock(block: AnyBlock, value: unknown): JsonObject {
  const raw = block.convert.reduceRight((converted, step) => step.write(converted), value) as Record<string, unknown>;
  const fields = Object.entries(block.fields);
  return Object.fromEntries(fields.flatMap(([key, field]) => encodeField(field, raw[key])));
}

/** The entries of JSON that a field with a value comes to. */
export function encodeField(field: AnyField, value: unknown): [string, JsonValue][] {
  if (field.kind === "blocks") return encodeBlocks(field, value);
  if (field.json === undefined) return [];
  if (field.kind === "ignored" || field.kind === "refused" || field.kind === "passed") {
    return field.encoded === undefined ? [] : [[field.json, field.encoded]];
  }
  if (value === undefined) return field.kind === "attribute" && field.leftOut === true ? [] : [[field.json, null]];
  switch (field.kind) {
    case "label":
      return [[field.json, value as string]];
    case "attribute":
      return [[field.json, field.leaf.write(value)]];
    case "block":
      return [[field.json, encodeBlock(field.block, value)]];
  }
}

function encodeBlocks(field: Extract<AnyField, { kind: "blocks" }>, value: unknown): [string, JsonValue][] {
  const lists = new Map<string, JsonValue[]>(field.json.map((name) => [name, []]));
  for (const item of value as readonly unknown[]) {
    lists.get(field.place(item) ?? "")?.push(encodeBlock(field.block, item));
  }
  return [...lists];
}
