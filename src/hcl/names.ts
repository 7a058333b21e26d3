import { nearestName } from "../base/text.ts";
import type { AnyBlock, AnyField } from "./describe.ts";

export type Format = "hcl" | "json";

/** What a field is called in a text; undefined where it does not exist in that format. */
export function nameIn(field: AnyField, key: string, format: Format): string | undefined {
  if (format === "hcl") return existsInHcl(field) ? (field.name ?? key) : undefined;
  return field.kind === "blocks" ? field.json[0] : field.json;
}

function existsInHcl(field: AnyField): boolean {
  if (field.kind === "passed") return false;
  return !((field.kind === "ignored" || field.kind === "refused") && field.jsonOnly);
}

/** All names of a field: lists of blocks may have several in JSON. */
function namesIn(field: AnyField, key: string, format: Format): readonly string[] {
  if (format === "json" && field.kind === "blocks") return field.json;
  const name = nameIn(field, key, format);
  return name === undefined ? [] : [name];
}

interface NameTable {
  /** The key of the field by its name as it is looked up: as it is in HCL, in small letters in JSON. */
  readonly keys: ReadonlyMap<string, string>;
  /** As they are spelt, without those that are refused or have no effect. */
  readonly open: readonly string[];
  readonly all: readonly string[];
}

const tables = new WeakMap<AnyBlock["fields"], Record<Format, NameTable>>();

function tableOf(block: AnyBlock, format: Format): NameTable {
  let both = tables.get(block.fields);
  if (both === undefined) {
    both = { hcl: makeTable(block, "hcl"), json: makeTable(block, "json") };
    tables.set(block.fields, both);
  }
  return both[format];
}

function makeTable(block: AnyBlock, format: Format): NameTable {
  const named = Object.entries(block.fields)
    // A label of HCL is written behind the block's name; only where the description says so it may be an attribute, too.
    .filter(([, field]) => field.kind !== "label" || format === "json" || field.alsoAttribute)
    .flatMap(([key, field]) => namesIn(field, key, format).map((name) => ({ key, name, kind: field.kind })));
  const open = named.filter(({ kind }) => kind !== "ignored" && kind !== "refused" && kind !== "passed");
  return {
    keys: new Map(named.map(({ key, name }) => [fold(name, format), key])),
    open: open.map(({ name }) => name),
    all: named.map(({ name }) => name),
  };
}

/** The key of the field that a text calls `name`. JSON names are compared without regard to case, as Go's decoder does. */
export function findKey(block: AnyBlock, name: string, format: Format): string | undefined {
  return tableOf(block, format).keys.get(fold(name, format));
}

function fold(name: string, format: Format): string {
  return format === "json" ? name.toLowerCase() : name;
}

/** The known name that a misspelt one is nearest to; undefined when none is near. */
export function nearestKnown(block: AnyBlock, name: string, format: Format): string | undefined {
  const table = tableOf(block, format);
  return nearestName(name, table.open) ?? nearestName(name, table.all);
}

/** The names that have a meaning in a block. */
export function knownNames(block: AnyBlock, format: Format): readonly string[] {
  return tableOf(block, format).open;
}

/** Whether the values under a name are never shown. */
export function isSecret(block: AnyBlock, name: string, format: Format): boolean {
  const field = block.fields[findKey(block, name, format) ?? ""];
  return field?.kind === "attribute" && field.secret;
}
