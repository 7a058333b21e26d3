import { commonElement, isConvertible, unify } from "./convertible.ts";
import { type Datum, isMapping, isSequence, list, map, number, object, text, tuple, typeOf } from "./datum.ts";
import { makeSet } from "./equality.ts";
import { formatNumber, parseNumber } from "./number.ts";
import { ANY, describeType, isSameType, type Type } from "./type.ts";

/** Thrown when a value cannot become one of the type that is wanted; the message says what was expected and found. */
export class Mismatch extends Error {}

/**
 * A value as one of another type, by the rules of cty: numbers and booleans become text, text that holds one becomes a number or a
 * boolean, lists and objects become collections of one type. @throws Mismatch, with a message that shows no value.
 */
export function convert(datum: Datum, want: Type): Datum {
  if (want.kind === "any") return datum;
  const type = typeOf(datum);
  if (isSameType(type, want)) return datum;
  if (!isConvertible(type, want, "any")) throw new Mismatch(explainMismatch(type, want));
  return apply(datum, want);
}

/** The same for a value whose type is known to fit. */
function apply(datum: Datum, want: Type): Datum {
  if (want.kind === "any" || isSameType(typeOf(datum), want)) return datum;
  if (datum.kind === "null") return { kind: "null", type: want };
  switch (want.kind) {
    case "string":
      return text(toText(datum));
    case "number":
      return toNumber(datum);
    case "bool":
      return toBoolean(datum);
    case "list":
    case "set":
      return toItems(datum, want);
    case "map":
      return toMap(datum, want.element);
    case "tuple":
      return isSequence(datum) ? tuple(datum.items.map((item, at) => apply(item, want.elements[at] ?? ANY))) : datum;
    case "object":
      return toObject(datum, want.attributes);
  }
}

/** What HCL makes of a value where text is needed. @throws Mismatch. */
function toText(datum: Datum): string {
  if (datum.kind === "string") return datum.value;
  if (datum.kind === "bool") return String(datum.value);
  if (datum.kind === "number") return formatNumber(datum.value);
  throw new Mismatch(`expected text, found ${describeType(typeOf(datum))}`);
}

function toNumber(datum: Datum): Datum {
  const value = datum.kind === "string" ? parseNumber(datum.value) : undefined;
  if (value === undefined) throw new Mismatch("expected a number, found text that is none");
  return number(value);
}

function toBoolean(datum: Datum): Datum {
  const value = datum.kind === "string" ? datum.value : "";
  if (value === "true" || value === "1") return { kind: "bool", value: true };
  if (value === "false" || value === "0") return { kind: "bool", value: false };
  const hint = /^(true|false)$/i.test(value) ? "; small letters are needed" : "";
  throw new Mismatch(`expected true or false, found other text${hint}`);
}

function toItems(datum: Datum, want: Extract<Type, { kind: "list" | "set" }>): Datum {
  const items = isSequence(datum) ? datum.items : [];
  const element = elementFor(items, typeOf(datum), want.element);
  const converted = alike(items.map((item) => apply(item, element)));
  const found = converted[0] === undefined || element.kind !== "any" ? element : typeOf(converted[0]);
  const settled = isOpen(found) && converted[0] !== undefined ? typeOf(converted[0]) : found;
  return want.kind === "list" ? list(settled, converted) : makeSet(settled, converted);
}

function toMap(datum: Datum, wanted: Type): Datum {
  const entries = isMapping(datum) ? [...datum.entries] : [];
  const items = entries.map(([, item]) => item);
  const element = elementFor(items, typeOf(datum), wanted);
  const converted = alike(items.map((item) => apply(item, element)));
  const settled = isOpen(element) && converted[0] !== undefined ? typeOf(converted[0]) : element;
  return map(settled, new Map(entries.map(([key], at) => [key, converted[at] ?? { kind: "null", type: settled }])));
}

/** The type that each item gets: what is wanted, or where that is open, what the items are or have in common. */
function elementFor(items: readonly Datum[], own: Type, wanted: Type): Type {
  if ("element" in own) return wanted.kind === "any" ? own.element : wanted;
  return commonElement(items.map(typeOf), wanted, "any") ?? wanted;
}

/** Where the wanted type is open within, what was converted may still differ. @throws Mismatch when it has nothing in common. */
function alike(items: readonly Datum[]): readonly Datum[] {
  const types = items.map(typeOf);
  const [first] = types;
  if (first === undefined || types.every((type) => isSameType(type, first))) return items;
  const common = unify(types, "any");
  if (common === undefined) throw new Mismatch("expected items of one type, found different ones");
  return items.map((item) => apply(item, common));
}

function isOpen(type: Type): boolean {
  switch (type.kind) {
    case "any":
      return true;
    case "list":
    case "set":
    case "map":
      return isOpen(type.element);
    case "tuple":
      return type.elements.some(isOpen);
    case "object":
      return [...type.attributes.values()].some(isOpen);
    default:
      return false;
  }
}

function toObject(datum: Datum, attributes: ReadonlyMap<string, Type>): Datum {
  const entries = isMapping(datum) ? datum.entries : new Map<string, Datum>();
  return object(
    new Map(
      [...attributes].map(([name, type]) => {
        const own = entries.get(name);
        if (own === undefined) throw new Mismatch(`attribute "${name}" is missing`);
        return [name, apply(own, type)];
      }),
    ),
  );
}

/** Why values of a type cannot become those of another. */
function explainMismatch(found: Type, want: Type): string {
  if (found.kind === "object" && want.kind === "object") {
    for (const [name, type] of want.attributes) {
      const own = found.attributes.get(name);
      if (own === undefined) return `attribute "${name}" is missing`;
      if (!isConvertible(own, type, "any")) return `attribute "${name}": ${explainMismatch(own, type)}`;
    }
  }
  if (found.kind === "tuple" && (want.kind === "list" || want.kind === "set")) {
    const at = found.elements.findIndex((element) => !isConvertible(element, want.element, "any"));
    const element = found.elements[at];
    if (element !== undefined) return `item ${at}: ${explainMismatch(element, want.element)}`;
    return "expected items of one type, found different ones";
  }
  if (found.kind === "object" && want.kind === "map") {
    const entry = [...found.attributes].find(([, type]) => !isConvertible(type, want.element, "any"));
    if (entry !== undefined) return `key "${entry[0]}": ${explainMismatch(entry[1], want.element)}`;
    return "expected values of one type, found different ones";
  }
  return `expected ${describeType(want)}, found ${describeType(found)}`;
}
