import type { Context } from "hono";
import { AppError } from "../base/errors.ts";
import { isIdPrefix } from "../base/ids.ts";
import { orList, parseGoBool } from "../base/text.ts";
import { isDay } from "../base/units.ts";

/** A flag of the query, false when absent. @throws AppError `invalid` when it is neither true nor false. */
export function flagParam(c: Context, name: string): boolean {
  const text = c.req.query(name);
  const value = text === undefined || text === "" ? false : parseGoBool(text);
  if (value !== undefined) return value;
  throw new AppError("invalid", `query parameter ${name}: expected true or false`);
}

/** A whole number of the query from 0 on. @throws AppError `invalid` for anything else, and when it is absent and has no default. */
export function countParam(c: Context, name: string, absent?: number): number {
  const text = c.req.query(name);
  if (absent !== undefined && (text === undefined || text === "")) return absent;
  const value = /^\d+$/.test(text ?? "") ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(value)) throw new AppError("invalid", `query parameter ${name}: expected a whole number`);
  return value;
}

/** RFC 3339: a date and a time of day in an offset from UTC. */
const RFC_3339 = /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)$/;

const isRfc3339 = (text: string): boolean => RFC_3339.test(text) && isDay(text.slice(0, 10));

/**
 * A time of the query in RFC 3339 or in nanoseconds since 1970.
 * @returns milliseconds since 1970; undefined when it is absent. @throws AppError `invalid` for anything else.
 */
export function timeParam(c: Context, name: string): number | undefined {
  const text = c.req.query(name);
  if (text === undefined || text === "") return undefined;
  const millis = /^\d{1,19}$/.test(text) ? Number(text) / 1e6 : isRfc3339(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(millis)) return millis;
  throw new AppError("invalid", `query parameter ${name}: expected RFC 3339 or nanoseconds since 1970`);
}

/** One of the given words. @throws AppError `invalid` for another, and when it is absent and has no default. */
export function wordParam<W extends string>(c: Context, name: string, words: readonly W[], absent?: W): W {
  const text = c.req.query(name) || absent;
  const word = words.find((candidate) => candidate === text);
  if (word === undefined) throw new AppError("invalid", `query parameter ${name}: expected ${orList(words)}`);
  return word;
}

/** One of the given words, undefined when absent. @throws AppError `invalid` for another. */
export function optionalWordParam<W extends string>(c: Context, name: string, words: readonly W[]): W | undefined {
  return c.req.query(name) ? wordParam(c, name, words) : undefined;
}

/** A prefix of a UUID, "" when absent. @throws AppError `invalid` when no UUID can begin so. */
export function idPrefixParam(c: Context): string {
  const prefix = (c.req.query("prefix") ?? "").toLowerCase();
  if (!isIdPrefix(prefix)) throw new AppError("invalid", "query parameter prefix: expected hexadecimal digits");
  return prefix;
}

/** A part of the path by name, percent-decoded. */
export function pathParam(c: Context, name: string): string {
  return c.req.param(name) ?? "";
}
