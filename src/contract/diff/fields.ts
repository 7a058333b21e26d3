import type { DiffType, FieldDiff } from "../job-diff.ts";
import type { Show } from "./show.ts";

/** What of Nomad's JSON stands in one block, by the names that Nomad's diffs have: `CPU`, `Env[TOKEN]`, `args[0]`. */
export type Values = Readonly<Record<string, string>>;

type Json = unknown;

/** A part of a job in Nomad's JSON. */
export type JsonPart = Readonly<Record<string, Json>>;

export const isPart = (value: Json): value is JsonPart =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** A leaf as text; undefined for what is none. A null is what a job does not say. */
export function leafText(value: Json): string | undefined {
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean"
    ? String(value)
    : undefined;
}

/** All leaves of a value below a name, whatever they stand in. */
export function flatten(name: string, value: Json): [string, string][] {
  const text = leafText(value);
  if (text !== undefined) return [[name, text]];
  const below = (key: string | number): string => (name === "" ? String(key) : `${name}[${key}]`);
  if (Array.isArray(value)) return value.flatMap((item: Json, at) => flatten(below(at), item));
  return isPart(value) ? Object.entries(value).flatMap(([key, item]) => flatten(below(key), item)) : [];
}

/** The fields of two states of a block that differ, by name. @param whole those that do not differ, too. */
export function diffFields(old: Values, now: Values, show: Show, whole: boolean): FieldDiff[] {
  const names = [...new Set([...Object.keys(old), ...Object.keys(now)])].toSorted(byText);
  return names.flatMap((name) => {
    const [before = "", after = ""] = [old, now].map((values) => (Object.hasOwn(values, name) ? values[name] : ""));
    const type = typeOf(before, after);
    if (type === "None" && (!whole || after === "")) return [];
    return [{ Type: type, Name: name, Old: show(name, before), New: show(name, after), Annotations: null }];
  });
}

function typeOf(before: string, after: string): DiffType {
  if (before === after) return "None";
  if (before === "") return "Added";
  return after === "" ? "Deleted" : "Edited";
}

export const byText = (one: string, other: string): number => (one < other ? -1 : one > other ? 1 : 0);
