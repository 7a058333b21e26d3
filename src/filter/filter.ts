import { AppError } from "../base/errors.ts";
import { nearestName, parseGoBool } from "../base/text.ts";
import { compileRegexp, type Regexp } from "../regexp/regexp.ts";
import { type Condition, parseFilter } from "./parse.ts";

/** Whether a thing, as it stands in a reply, is one that is asked for. @throws AppError `invalid` for what cannot be asked of it. */
export type Filter = (thing: unknown) => boolean;

/** Steps of all conditions over all things together that look through texts and lists: some tenths of a second. */
const MOST_WORK = 10_000_000;
/** Characters of a text that are looked through for another one in the time of a step. */
const TEXT_PER_STEP = 64;

/**
 * Makes a filter of an expression of go-bexpr.
 * @throws AppError `invalid` with the place of what is wrong.
 */
export function compileFilter(text: string): Filter {
  const condition = parseFilter(text);
  const context: Context = { patterns: new Map(), work: { left: MOST_WORK } };
  compilePatterns(condition, context);
  return (thing) => holds(condition, thing, context);
}

type Match = Extract<Condition, { kind: "match" }>;

interface Context {
  readonly patterns: Map<string, Regexp>;
  readonly work: { left: number };
}

function compilePatterns(condition: Condition, context: Context): void {
  switch (condition.kind) {
    case "and":
    case "or":
      compilePatterns(condition.left, context);
      compilePatterns(condition.right, context);
      return;
    case "not":
      compilePatterns(condition.condition, context);
      return;
    case "match": {
      if (!condition.operator.endsWith("matches")) return;
      const compiled = compileRegexp(condition.value);
      if (!compiled.ok) throw refuse(`${JSON.stringify(condition.value)}: ${compiled.message}`, compiled.hint);
      context.patterns.set(condition.value, compiled.regexp);
    }
  }
}

function holds(condition: Condition, thing: unknown, context: Context): boolean {
  switch (condition.kind) {
    case "and":
      return holds(condition.left, thing, context) && holds(condition.right, thing, context);
    case "or":
      return holds(condition.left, thing, context) || holds(condition.right, thing, context);
    case "not":
      return !holds(condition.condition, thing, context);
    case "match":
      return matches(condition, thing, context);
  }
}

/** What a selector finds; undefined when there is nothing, or null. */
function select({ selector }: Match, thing: unknown): unknown {
  let found = thing;
  for (const [at, name] of selector.entries()) {
    if (at === 0) assertMember(name, found);
    if (Array.isArray(found)) found = /^\d+$/.test(name) ? found[Number(name)] : undefined;
    else found = isObject(found) && Object.hasOwn(found, name) ? found[name] : undefined;
    if (found === undefined || found === null) return undefined;
  }
  return found;
}

/** What stands at the top has fixed members: a wrong one is a mistake. Below there are maps. */
function assertMember(name: string, thing: unknown): void {
  if (!isObject(thing) || Object.hasOwn(thing, name)) return;
  const near = nearestName(name, Object.keys(thing));
  throw refuse(
    `there is nothing called ${JSON.stringify(name)}`,
    near === undefined ? `there are ${Object.keys(thing).join(", ")}` : `did you mean ${near}?`,
  );
}

function matches(match: Match, thing: unknown, context: Context): boolean {
  const found = select(match, thing);
  switch (match.operator) {
    case "==":
      return found !== undefined && equals(match, found);
    case "!=":
      return found === undefined || !equals(match, found);
    case "in":
      return found !== undefined && contains(match, found, context);
    case "not in":
      return found === undefined || !contains(match, found, context);
    case "matches":
      return found !== undefined && looksLike(match, found, context);
    case "not matches":
      return found === undefined || !looksLike(match, found, context);
    case "empty":
      return found === undefined || lengthOf(match, found) === 0;
    case "not empty":
      return found !== undefined && lengthOf(match, found) > 0;
    case "nil":
      return found === undefined;
    case "not nil":
      return found !== undefined;
  }
}

function equals({ selector, value }: Match, found: unknown): boolean {
  if (typeof found === "string") return found === value;
  if (typeof found === "number") {
    const number = /^-?\d+(?:\.\d+)?$/.test(value) ? Number(value) : Number.NaN;
    if (Number.isNaN(number)) throw refuse(`${selector.join(".")} is a number, and ${JSON.stringify(value)} is none`);
    return found === number;
  }
  if (typeof found === "boolean") {
    const flag = parseGoBool(value);
    if (flag === undefined) throw refuse(`${selector.join(".")} is true or false, and not ${JSON.stringify(value)}`);
    return found === flag;
  }
  throw refuse(`${selector.join(".")} is a list or map: ask what is in it, or whether it is empty`);
}

function contains(match: Match, found: unknown, { work }: Context): boolean {
  if (typeof found === "string") {
    spend(work, Math.ceil(found.length / TEXT_PER_STEP));
    return found.includes(match.value);
  }
  if (Array.isArray(found)) {
    spend(work, found.length);
    return found.some((item) => !isObject(item) && equals(match, item));
  }
  if (isObject(found)) return Object.hasOwn(found, match.value);
  throw refuse(`${match.selector.join(".")} has nothing in it: it is a number, or true or false`);
}

function looksLike({ selector, value }: Match, found: unknown, { patterns, work }: Context): boolean {
  if (typeof found !== "string") throw refuse(`${selector.join(".")} is no text, which alone matches an expression`);
  return patterns.get(value)?.find(found.toWellFormed(), 0, (steps) => spend(work, steps)) !== undefined;
}

/** @throws AppError `invalid` when no more may be done. */
function spend(work: Context["work"], steps: number): void {
  work.left -= steps;
  if (work.left < 0) throw refuse("it looks through too much for one request", "ask for less of it, such as by prefix");
}

function lengthOf({ selector }: Match, found: unknown): number {
  if (typeof found === "string" || Array.isArray(found)) return found.length;
  if (isObject(found)) return Object.keys(found).length;
  throw refuse(`${selector.join(".")} is a number, or true or false, and never empty`);
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const refuse = (what: string, hint?: string): AppError =>
  new AppError("invalid", `query parameter filter: ${what}`, { hint });
