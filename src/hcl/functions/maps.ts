import { convert, Mismatch } from "../cty/convert.ts";
import {
  type Datum,
  integer,
  isMapping,
  isSequence,
  list,
  map,
  object,
  sortedEntries,
  text,
  tuple,
  typeOf,
} from "../cty/datum.ts";
import { isWhole, truncate } from "../cty/number.ts";
import { describeType, isSameType, STRING } from "../cty/type.ts";
import { anyParameter, nullableParameter, textAt, textParameter, textsAt, textsParameter } from "./arguments.ts";
import { CallProblem, type FunctionSpec } from "./function.ts";

/** Functions of maps and objects, and of what is counted and looked up alike in lists. */
export const MAP_FUNCTIONS: Readonly<Record<string, FunctionSpec>> = {
  index: { parameters: [anyParameter("collection"), anyParameter("key")], run: index },
  keys: { parameters: [anyParameter("inputMap")], run: keys },
  length: { parameters: [anyParameter("collection")], run: length },
  lookup: { parameters: [anyParameter("inputMap"), textParameter("key"), anyParameter("default")], run: lookUp },
  merge: { parameters: [], rest: nullableParameter("maps"), run: merge },
  values: { parameters: [anyParameter("mapping")], run: values },
  zipmap: { parameters: [textsParameter("keys"), anyParameter("values")], run: zipMap },
};

function index([collection, key]: readonly Datum[]): Datum {
  if (collection?.kind === "map") {
    if (key?.kind !== "string") throw new CallProblem("expected text as the key of a map", 1);
    const found = collection.entries.get(key.value);
    if (found === undefined) throw new CallProblem("the map has no such key", 1);
    return found;
  }
  if (collection?.kind !== "list" && collection?.kind !== "tuple") throw new CallProblem("expected a list or a map", 0);
  if (key?.kind !== "number") throw new CallProblem("expected a number as the index of a list", 1);
  const found = isWhole(key.value) ? collection.items[Number(truncate(key.value))] : undefined;
  if (found === undefined) throw new CallProblem(`the list has ${collection.items.length} items and none there`, 1);
  return found;
}

function keys([arg]: readonly Datum[]): Datum {
  if (arg === undefined || !isMapping(arg)) throw new CallProblem("expected a map or an object", 0);
  const names = sortedEntries(arg).map(([key]) => text(key));
  return arg.kind === "map" ? list(STRING, names) : tuple(names);
}

function length([arg]: readonly Datum[]): Datum {
  if (arg !== undefined && isSequence(arg)) return integer(arg.items.length);
  if (arg?.kind === "map") return integer(arg.entries.size);
  const what = arg === undefined ? "nothing" : describeType(typeOf(arg));
  const advice = arg?.kind === "string" ? "; strlen counts the characters of text" : "";
  throw new CallProblem(`expected a list, a set or a map, found ${what}${advice}`, 0);
}

function lookUp(args: readonly Datum[]): Datum {
  const [arg, , fallback] = args;
  if (arg === undefined || fallback === undefined || !isMapping(arg)) {
    throw new CallProblem("expected a map or an object", 0);
  }
  const settled = arg.kind === "map" ? convertFallback(fallback, arg) : fallback;
  return arg.entries.get(textAt(args, 1)) ?? settled;
}

function convertFallback(fallback: Datum, { element }: Extract<Datum, { kind: "map" }>): Datum {
  try {
    return convert(fallback, element);
  } catch (error) {
    if (!(error instanceof Mismatch)) throw error;
    throw new CallProblem(`it must be of the type of the map's values: ${error.message}`, 2);
  }
}

/** Later ones win. Of maps of one type a map comes out, else an object. */
function merge(args: readonly Datum[]): Datum {
  const entries = new Map<string, Datum>();
  for (const [at, arg] of args.entries()) {
    const { kind } = typeOf(arg);
    if (arg.kind === "null" && (kind === "any" || kind === "map" || kind === "object")) continue;
    if (!isMapping(arg)) throw new CallProblem(`expected a map or an object, found ${describeType(typeOf(arg))}`, at);
    for (const [key, value] of arg.entries) entries.set(key, value);
  }
  const [first] = args;
  const type = first === undefined ? undefined : typeOf(first);
  if (type?.kind === "map" && args.every((arg) => isSameType(typeOf(arg), type))) return map(type.element, entries);
  return object(entries);
}

function values([arg]: readonly Datum[]): Datum {
  if (arg === undefined || !isMapping(arg)) throw new CallProblem("expected a map or an object", 0);
  const items = sortedEntries(arg).map(([, value]) => value);
  return arg.kind === "map" ? list(arg.element, items) : tuple(items);
}

function zipMap(args: readonly Datum[]): Datum {
  const [, found] = args;
  if (found?.kind !== "list" && found?.kind !== "tuple") throw new CallProblem("expected a list", 1);
  const names = textsAt(args, 0);
  const { items } = found;
  if (names.length !== items.length) {
    throw new CallProblem(`there are ${names.length} keys and ${items.length} values`);
  }
  const entries = new Map(items.map((item, at) => [names[at] ?? "", item]));
  return found.kind === "list" ? map(found.element, entries) : object(entries);
}
