import { compareText, type Datum, sortedEntries, typeOf } from "./datum.ts";
import { compare, formatNumber, isSameNumber } from "./number.ts";
import { isSameType, type Type } from "./type.ts";

/** `==` of HCL: values of different types are never equal, a null is equal to a null. */
export function isEqual(a: Datum, b: Datum): boolean {
  if (a === b) return true;
  if (a.kind === "null" || b.kind === "null") return a.kind === b.kind;
  if (a.kind !== b.kind) return false;
  switch (a.kind) {
    case "bool":
    case "string":
      return "value" in b && a.value === b.value;
    case "number":
      return b.kind === "number" && isSameNumber(a.value, b.value);
    case "tuple":
    case "list":
    case "set":
      if (!("items" in b) || a.items.length !== b.items.length || !isSameType(typeOf(a), typeOf(b))) return false;
      return a.items.every((item, index) => isEqualPart(item, b.items[index]));
    default:
      if (!("entries" in b) || a.entries.size !== b.entries.size || !isSameType(typeOf(a), typeOf(b))) return false;
      return [...a.entries].every(([key, value]) => isEqualPart(value, b.entries.get(key)));
  }
}

function isEqualPart(a: Datum, b: Datum | undefined): boolean {
  return b !== undefined && isEqual(a, b);
}

/** A set of these items, all of type `element`: in cty's order, and none twice. */
export function makeSet(element: Type, items: readonly Datum[]): Datum {
  const distinct = new Map(items.map((item) => [keyOf(item), item]));
  const sorted = [...distinct].sort(([aKey, a], [bKey, b]) => compareItems(a, aKey, b, bKey)).map(([, item]) => item);
  return { kind: "set", element, items: sorted };
}

/** Those of which none is equal to one before. */
export function distinctItems(items: readonly Datum[]): Datum[] {
  const found = new Map<string, Datum>();
  for (const item of items) {
    const key = keyOf(item);
    if (!found.has(key)) found.set(key, item);
  }
  return [...found.values()];
}

/** Those of `a` to which one of `b` is equal; all are of one type. */
export function commonItems(a: readonly Datum[], b: readonly Datum[]): Datum[] {
  const keys = new Set(b.map(keyOf));
  return a.filter((item) => keys.has(keyOf(item)));
}

function compareItems(a: Datum, aKey: string, b: Datum, bKey: string): number {
  if (a.kind === "null" || b.kind === "null") return Number(a.kind === "null") - Number(b.kind === "null");
  if (a.kind === "string" && b.kind === "string") return compareText(a.value, b.value);
  if (a.kind === "number" && b.kind === "number") return compare(a.value, b.value);
  if (a.kind === "bool" && b.kind === "bool") return Number(a.value) - Number(b.value);
  return compareText(aKey, bKey);
}

/** Text that items of one type have in common only when they are equal; sets of collections are in the order of it, as in cty. */
function keyOf(item: Datum): string {
  switch (item.kind) {
    case "null":
      return "~";
    case "bool":
      return item.value ? "T" : "F";
    case "number":
      return formatNumber(item.value);
    case "string":
      return JSON.stringify(item.value);
    case "map":
      return `{${sortedEntries(item)
        .map(([key, part]) => `${JSON.stringify(key)}:${keyOf(part)};`)
        .join("")}}`;
    case "object":
      return `<${sortedEntries(item)
        .map(([, part]) => `${keyOf(part)};`)
        .join("")}>`;
    case "tuple":
      return `<${item.items.map((part) => `${keyOf(part)};`).join("")}>`;
    default:
      return `[${item.items.map((part) => `${keyOf(part)};`).join("")}]`;
  }
}
