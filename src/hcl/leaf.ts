import * as v from "valibot";
import { type Duration, parseDuration } from "../base/units.ts";
import { formatNumber } from "./number.ts";
import type { Value } from "./value.ts";

export type JsonValue =
  | null
  | boolean
  | number
  | string
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue | undefined };

/** Where a value stands while it is read: takes the place of its parts and what is wrong with them. */
export interface Spot {
  /** The spot of an item or entry; `span` is where it stands in the text. */
  child(key: string | number, value: Value): Spot;
  /** Reports that a value is not what is `expected`. @returns undefined, for the reader to return. */
  refuse(value: Value, expected: string, hint?: string): undefined;
}

/** A type of attribute values: how one is read from HCL or JSON, and how it is written to JSON. */
export interface Leaf<T> {
  /** Stands in for a value that is missing or wrong, so that reading can go on and find the other mistakes too. */
  readonly empty: T;
  /** @returns undefined when the value is wrong; then `at` was told. */
  read(value: Value, at: Spot): T | undefined;
  write(value: T): JsonValue;
}

type Schema<T> = v.BaseSchema<unknown, T, v.BaseIssue<unknown>>;

/** The messages of the schema say what is expected, such as `a whole number`; the found value is added to them. */
function scalar<T extends JsonValue>(empty: T, convert: (value: Value) => unknown, schema: Schema<T>): Leaf<T> {
  return {
    empty,
    read(value, at) {
      const result = v.safeParse(schema, convert(value), { abortEarly: true, abortPipeEarly: true });
      return result.success ? result.output : at.refuse(value, result.issues[0].message);
    },
    write: (value) => value,
  };
}

/** Text; numbers and booleans become text, as HCL converts them. The message of `schema` says what is expected. */
export function text(schema: Schema<string> = v.string("text")): Leaf<string> {
  return scalar("", toText, schema);
}

/** One of some words. */
export function choice<const W extends readonly [string, ...string[]]>(words: W): Leaf<W[number]> {
  return scalar<W[number]>(words[0], toText, v.picklist(words, `one of ${words.join(", ")}`));
}

/** True or false; the texts `true`, `1`, `false` and `0` count too, as HCL converts them. */
export function flag(): Leaf<boolean> {
  return scalar<boolean>(false, toFlag, v.boolean("true or false"));
}

/** A whole number within bounds, both included; text that holds a number counts, as HCL converts it. */
export function integer(bounds: { readonly min?: number; readonly max?: number } = {}): Leaf<number> {
  const { min = Number.MIN_SAFE_INTEGER, max = Number.MAX_SAFE_INTEGER } = bounds;
  const expected = describeBounds(bounds.min, bounds.max);
  const schema = v.pipe(
    v.number(expected),
    v.safeInteger(expected),
    v.minValue(min, expected),
    v.maxValue(max, expected),
  );
  return scalar<number>(0, toNumber, schema);
}

function describeBounds(min: number | undefined, max: number | undefined): string {
  if (min !== undefined && max !== undefined) return `a whole number from ${min} to ${max}`;
  if (min !== undefined) return `a whole number, ${min} or more`;
  return max === undefined ? "a whole number" : `a whole number, ${max} or less`;
}

/** A length of time, not negative: Go's text such as `1m30s`, or a number of nanoseconds. */
export function duration(): Leaf<Duration> {
  const expected = 'a duration such as "30s" or "1h30m", or a number of nanoseconds, and not negative';
  const convert = (value: Value) =>
    value.kind === "string" ? parseDuration(value.value) : value.kind === "number" ? value.value : undefined;
  return scalar<number>(0, convert, v.pipe(v.number(expected), v.integer(expected), v.minValue(0, expected)));
}

/** A list of values of one type. */
export function list<T>(item: Leaf<T>): Leaf<readonly T[]> {
  return {
    empty: [],
    read(value, at) {
      if (value.kind !== "list") return at.refuse(value, "a list");
      return value.items.map((element, index) => item.read(element, at.child(index, element)) ?? item.empty);
    },
    write: (values) => values.map((value) => item.write(value)),
  };
}

/** Names with values of one type. A name may be any text, `__proto__` and `constructor` too. */
export function mapOf<T>(entry: Leaf<T>): Leaf<Readonly<Record<string, T>>> {
  return {
    empty: {},
    read(value, at) {
      if (value.kind !== "object") return at.refuse(value, "a map");
      return Object.fromEntries(
        value.entries.map(({ key, value: found }) => [key, entry.read(found, at.child(key, found)) ?? entry.empty]),
      );
    },
    write: (map) => Object.fromEntries(Object.entries(map).map(([key, value]) => [key, entry.write(value)])),
  };
}

/** A map that may also be written as a list of maps, of which later ones override earlier ones. */
export function mergedMap<T>(entry: Leaf<T>): Leaf<Readonly<Record<string, T>>> {
  const map = mapOf(entry);
  return {
    ...map,
    read(value, at) {
      if (value.kind !== "list") return map.read(value, at);
      const wrong = value.items.find((item) => item.kind !== "object" && item.kind !== "null");
      if (wrong !== undefined) return at.refuse(wrong, "a map, or a list of maps");
      const entries = value.items.flatMap((item) => (item.kind === "object" ? item.entries : []));
      return map.read({ kind: "object", entries, span: value.span }, at);
    },
    write: (value) => (Object.keys(value).length === 0 ? [] : [map.write(value)]),
  };
}

/**
 * A whole number within bounds, or text that stays text: what holds `${…}` and becomes a number later, and what `isText` takes.
 */
export function integerOrText(
  bounds: { readonly min: number; readonly max: number },
  isText: (text: string) => boolean,
): Leaf<number | string> {
  const number = integer(bounds);
  const stays = (text: string): boolean => text.includes("${") || (!/^\d+$/.test(text) && isText(text));
  return {
    empty: 0,
    read: (value, at) => (value.kind === "string" && stays(value.value) ? value.value : number.read(value, at)),
    write: (value) => value,
  };
}

function toText(value: Value): unknown {
  switch (value.kind) {
    case "string":
      return value.value;
    case "bool":
      return String(value.value);
    case "number":
      return formatNumber(value.text);
    default:
      return undefined;
  }
}

function toFlag(value: Value): unknown {
  if (value.kind === "bool") return value.value;
  if (value.kind !== "string") return undefined;
  if (value.value === "true" || value.value === "1") return true;
  return value.value === "false" || value.value === "0" ? false : undefined;
}

function toNumber(value: Value): unknown {
  if (value.kind === "number") return value.value;
  if (value.kind !== "string" || !/^-?\d+(\.\d+)?([eE][+-]?\d+)?$/.test(value.value)) return undefined;
  return Number(value.value);
}
