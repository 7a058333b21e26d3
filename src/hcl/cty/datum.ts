import { type BigFloat, fromInteger } from "./number.ts";
import { ANY, BOOL, describeType, NUMBER, STRING, type Type } from "./type.ts";

/** A value of HCL without a place in a text: what expressions compute and functions take and give. */
export type Datum =
  | { readonly kind: "null"; readonly type: Type }
  | { readonly kind: "bool"; readonly value: boolean }
  | { readonly kind: "number"; readonly value: BigFloat }
  | { readonly kind: "string"; readonly value: string }
  | { readonly kind: "tuple"; readonly items: readonly Datum[] }
  | { readonly kind: "list"; readonly element: Type; readonly items: readonly Datum[] }
  /** Its items are in order and none is there twice: `makeSet` sees to it. */
  | { readonly kind: "set"; readonly element: Type; readonly items: readonly Datum[] }
  | { readonly kind: "object"; readonly entries: ReadonlyMap<string, Datum> }
  | { readonly kind: "map"; readonly element: Type; readonly entries: ReadonlyMap<string, Datum> };

export type Sequence = Extract<Datum, { items: readonly Datum[] }>;
export type Mapping = Extract<Datum, { entries: ReadonlyMap<string, Datum> }>;

/** A `null` of which nothing says what it would be. */
export const NULL: Datum = { kind: "null", type: ANY };
export const TRUE: Datum = { kind: "bool", value: true };
export const FALSE: Datum = { kind: "bool", value: false };

export function boolean(value: boolean): Datum {
  return value ? TRUE : FALSE;
}

/** Text in normal form C, which all text of HCL has. */
export function text(value: string): Datum {
  return { kind: "string", value: value.normalize("NFC") };
}

export function number(value: BigFloat): Datum {
  return { kind: "number", value };
}

export function integer(value: number | bigint): Datum {
  return { kind: "number", value: fromInteger(value) };
}

export function tuple(items: readonly Datum[]): Datum {
  return { kind: "tuple", items };
}

export function list(element: Type, items: readonly Datum[]): Datum {
  return { kind: "list", element, items };
}

export function object(entries: ReadonlyMap<string, Datum>): Datum {
  return { kind: "object", entries };
}

export function map(element: Type, entries: ReadonlyMap<string, Datum>): Datum {
  return { kind: "map", element, entries };
}

/** Types of tuples and objects, which are found out from their parts once. */
const types = new WeakMap<Datum, Type>();

export function typeOf(datum: Datum): Type {
  switch (datum.kind) {
    case "null":
      return datum.type;
    case "bool":
      return BOOL;
    case "number":
      return NUMBER;
    case "string":
      return STRING;
    case "tuple":
    case "object": {
      const known = types.get(datum);
      if (known !== undefined) return known;
      const type = composeType(datum);
      types.set(datum, type);
      return type;
    }
    default:
      return { kind: datum.kind, element: datum.element };
  }
}

function composeType(datum: Extract<Datum, { kind: "tuple" | "object" }>): Type {
  if (datum.kind === "tuple") return { kind: "tuple", elements: datum.items.map(typeOf) };
  return { kind: "object", attributes: new Map([...datum.entries].map(([name, part]) => [name, typeOf(part)])) };
}

/** What a value is, in words, for messages that show no value: `a list of text`, `null`. */
export function describeDatum(datum: Datum): string {
  return datum.kind === "null" ? "null" : describeType(typeOf(datum));
}

export function isSequence(datum: Datum): datum is Sequence {
  return datum.kind === "tuple" || datum.kind === "list" || datum.kind === "set";
}

export function isMapping(datum: Datum): datum is Mapping {
  return datum.kind === "object" || datum.kind === "map";
}

/** By the bytes of UTF-8, as Go compares: not by UTF-16, in which what lies beyond 0xFFFF comes before 0xE000. */
export function compareText(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at++) {
    const [left, right] = [a.charCodeAt(at), b.charCodeAt(at)];
    if (left === right) continue;
    const [leftHalf, rightHalf] = [isHalf(left), isHalf(right)];
    return leftHalf === rightHalf ? left - right : leftHalf ? 1 : -1;
  }
  return a.length - b.length;
}

function isHalf(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdfff;
}

/** The entries in the order in which HCL goes through them: by their keys. */
export function sortedEntries({ entries }: Mapping): (readonly [string, Datum])[] {
  return [...entries].sort(([a], [b]) => compareText(a, b));
}

/** What a loop goes through: index and item, or key and value; of a set each item stands for itself. */
export function iterate(datum: Sequence | Mapping): (readonly [Datum, Datum])[] {
  if (isMapping(datum)) return sortedEntries(datum).map(([key, value]) => [text(key), value]);
  return datum.items.map((item, index) => [datum.kind === "set" ? item : integer(index), item]);
}
