import {
  compareSegments,
  compareVersions,
  parseSemverConstraints,
  parseVersion,
  parseVersionConstraints,
} from "./version.ts";

/** A side of a constraint: its value, or undefined when the node has no such attribute. */
export type Side = string | undefined;

/** What a test says, and what its writer should know of it. */
export interface Answer {
  readonly ok: boolean;
  readonly note?: string | undefined;
}

type Operator = (left: Side, right: Side) => Answer;

const ORDERS: Readonly<Record<string, (order: number) => boolean>> = {
  "<": (order) => order < 0,
  "<=": (order) => order <= 0,
  ">": (order) => order > 0,
  ">=": (order) => order >= 0,
};

const equal: Operator = (left, right) => ({ ok: left !== undefined && left === right });
const different: Operator = (left, right) => ({ ok: (left ?? "") !== (right ?? "") });
const containsAll = lists((left, right) => right.every((item) => left.includes(item)));
const meetsVersion = both((left, right) => testVersion(left, right, parseVersionConstraints, "version"));
const meetsSemver = both((left, right) => testVersion(left, right, parseSemverConstraints, "semver"));

const OPERATORS: Readonly<Record<string, Operator>> = {
  "=": equal,
  "==": equal,
  is: equal,
  "!=": different,
  not: different,
  is_set: (left) => ({ ok: left !== undefined }),
  is_not_set: (left) => ({ ok: left === undefined }),
  set_contains: containsAll,
  set_contains_all: containsAll,
  set_contains_any: lists((left, right) => right.some((item) => left.includes(item))),
  version: meetsVersion,
  semver: meetsSemver,
  // JavaScript's expressions can take exponential time and are not Go's RE2.
  regexp: () => ({ ok: false, note: "operator regexp is not supported yet" }),
};

/**
 * Tests two sides by one of Nomad's operators (NOMAD.md 2.2); all values are text.
 * @param isVersion the left side is an attribute that holds a version: the order operators compare versions then, where Nomad
 * compares numbers or bytes.
 */
export function applyOperator(operator: string, left: Side, right: Side, isVersion: boolean): Answer {
  const order = Object.hasOwn(ORDERS, operator) ? ORDERS[operator] : undefined;
  if (order !== undefined) return testOrder(left, right, order, isVersion);
  const test = Object.hasOwn(OPERATORS, operator) ? OPERATORS[operator] : undefined;
  return test?.(left, right) ?? { ok: false, note: `operator ${JSON.stringify(operator)} is not known` };
}

/** A test that fails when a side is missing. */
function both(test: (left: string, right: string) => Answer): Operator {
  return (left, right) => (left === undefined || right === undefined ? { ok: false } : test(left, right));
}

/** A test of two comma lists. */
function lists(test: (left: readonly string[], right: readonly string[]) => boolean): Operator {
  return both((left, right) => ({ ok: test(splitList(left), splitList(right)) }));
}

function splitList(text: string): string[] {
  return text.split(",").map((item) => item.trim());
}

function testVersion(
  left: string,
  right: string,
  parse: typeof parseVersionConstraints,
  operator: "version" | "semver",
): Answer {
  const version = parseVersion(left);
  if (version === undefined) return { ok: false, note: "what was found is not a version" };
  const check = parse(right);
  if (check === undefined)
    return { ok: false, note: `"${right}" is not a list of conditions for operator ${operator}` };
  return { ok: check(version) };
}

function testOrder(left: Side, right: Side, holds: (order: number) => boolean, isVersion: boolean): Answer {
  if (left === undefined || right === undefined) return { ok: false };
  const nomad = compareAsNomad(left, right);
  const versions = isVersion ? compareAsVersions(left, right) : undefined;
  if (versions === undefined) return { ok: holds(nomad.order) };
  const ok = holds(versions);
  if (ok === holds(nomad.order)) return { ok };
  return { ok, note: `compared as versions; Nomad compares ${nomad.as} here and says ${ok ? "no" : "yes"}` };
}

/** A suffix with which a version is before the release; any other is a build of it, such as `-18-amd64` of a kernel. */
const EARLY = /^[~-]?(rc|alpha|beta|pre|dev)/i;

function compareAsVersions(left: string, right: string): number | undefined {
  const [a, b] = [parseVersion(left), parseVersion(right)];
  if (a === undefined || b === undefined) return undefined;
  const isBuild = a.prerelease !== "" && b.prerelease === "" && !EARLY.test(a.prerelease);
  return isBuild ? compareSegments(a, b) || 1 : compareVersions(a, b);
}

/** Nomad's order: as integers if both are, else as floats if both are, else byte by byte. */
function compareAsNomad(left: string, right: string): { readonly order: number; readonly as: string } {
  const [leftInteger, rightInteger] = [parseInteger(left), parseInteger(right)];
  if (leftInteger !== undefined && rightInteger !== undefined) {
    return { order: leftInteger < rightInteger ? -1 : leftInteger > rightInteger ? 1 : 0, as: "numbers" };
  }
  const [leftFloat, rightFloat] = [parseFloatText(left), parseFloatText(right)];
  if (leftFloat !== undefined && rightFloat !== undefined) {
    const order = leftFloat < rightFloat ? -1 : leftFloat > rightFloat ? 1 : leftFloat === rightFloat ? 0 : Number.NaN;
    return { order, as: "numbers" };
  }
  return { order: Buffer.compare(Buffer.from(left), Buffer.from(right)), as: "bytes" };
}

/** An integer of Go's `strconv.ParseInt(s, 10, 64)`. */
function parseInteger(text: string): bigint | undefined {
  // More digits than an int64 has, zeros in front aside, need not be read.
  if (!/^[+-]?0*\d{1,19}$/.test(text)) return undefined;
  const value = BigInt(text.replace(/^\+/, ""));
  return value >= -(2n ** 63n) && value < 2n ** 63n ? value : undefined;
}

/** A number of Go's `strconv.ParseFloat(s, 64)`: decimal, hexadecimal with an exponent of two, infinity, NaN; undefined when out of range. */
function parseFloatText(text: string): number | undefined {
  const lower = text.toLowerCase();
  if (/^[+-]?inf(inity)?$/.test(lower)) return lower.startsWith("-") ? -Infinity : Infinity;
  if (lower === "nan") return Number.NaN;
  const hex = /^([+-]?)0x([0-9a-f]*)\.?([0-9a-f]*)p([+-]?\d{1,5})$/.exec(lower);
  const value = hex === null ? parseDecimal(lower) : parseHexadecimal(hex);
  return value === undefined || !Number.isFinite(value) ? undefined : value;
}

function parseDecimal(text: string): number | undefined {
  return /^[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?$/.test(text) ? Number(text) : undefined;
}

function parseHexadecimal([, sign = "", whole = "", part = "", exponent = ""]: RegExpExecArray): number | undefined {
  const digits = whole + part;
  if (digits === "") return undefined;
  const value = Number(BigInt(`0x${digits}`)) * 2 ** (Number(exponent) - 4 * part.length);
  return sign === "-" ? -value : value;
}
