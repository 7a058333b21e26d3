import { listSome } from "../base/text.ts";
import {
  compareSegments,
  compareVersions,
  parseSemverConstraints,
  parseVersion,
  parseVersionConstraints,
  type Version,
} from "../job/version.ts";
import { compileRegexp } from "../regexp/regexp.ts";
import { parseFloatText, parseInteger } from "./numbers.ts";

/** A side of a constraint: its value, or undefined when the node has no such attribute. */
export type Side = string | undefined;

/** What a test says, and what its writer should know of it. */
export interface Answer {
  readonly ok: boolean;
  /** Why it does not hold, where the two sides alone do not tell. */
  readonly reason?: string | undefined;
  readonly note?: string | undefined;
}

/** What the regular expressions of one look at a job may do: half a second. */
export const MOST_WORK = 20_000_000;

/** What they may still do, in steps of their programs. */
export interface Work {
  left: number;
}

type Operator = (left: Side, right: Side, work: Work) => Answer;

const ORDERS: Readonly<Record<string, (order: number) => boolean>> = {
  "<": (order) => order < 0,
  "<=": (order) => order <= 0,
  ">": (order) => order > 0,
  ">=": (order) => order >= 0,
};

const equal: Operator = (left, right) => ({ ok: left !== undefined && left === right });
const different: Operator = (left, right) => ({ ok: (left ?? "") !== (right ?? "") });
const containsAll = lists((left, right) => {
  const missing = right.filter((item) => !left.has(item));
  return missing.length === 0 ? { ok: true } : { ok: false, reason: `the set lacks ${quoteAll(missing)}` };
});
const containsAny = lists((left, right) => {
  const ok = right.some((item) => left.has(item));
  return ok ? { ok } : { ok, reason: `the set has none of ${quoteAll(right)}` };
});
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
  set_contains_any: containsAny,
  version: meetsVersion,
  semver: meetsSemver,
  regexp: both(matchesRegexp),
};

/**
 * Tests two sides by one of Nomad's operators (NOMAD.md 2.2); all values are text.
 * @param isVersion the left side is an attribute that holds a version: the order operators compare versions then, where Nomad
 * compares numbers or bytes.
 * @param work of all tests that belong together.
 */
export function applyOperator(
  operator: string,
  left: Side,
  right: Side,
  isVersion: boolean,
  work: Work = { left: MOST_WORK },
): Answer {
  const order = Object.hasOwn(ORDERS, operator) ? ORDERS[operator] : undefined;
  if (order !== undefined) return testOrder(left, right, order, isVersion);
  const test = Object.hasOwn(OPERATORS, operator) ? OPERATORS[operator] : undefined;
  return test?.(left, right, work) ?? { ok: false, note: `operator ${JSON.stringify(operator)} is not known` };
}

/** A test that fails when a side is missing. */
function both(test: (left: string, right: string, work: Work) => Answer): Operator {
  return (left, right, work) => (left === undefined || right === undefined ? { ok: false } : test(left, right, work));
}

/** A test of two comma lists; either may be a job's own, and as long as a job is. */
function lists(test: (left: ReadonlySet<string>, right: readonly string[]) => Answer): Operator {
  return both((left, right) => test(new Set(splitList(left)), splitList(right)));
}

/** So many items of a list are told. */
const SHOWN = 20;

function quoteAll(items: readonly string[]): string {
  return listSome(
    items.map((item) => JSON.stringify(item)),
    SHOWN,
  );
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
  return check(version) ? { ok: true } : { ok: false, reason: explainVersion(version, right, parse, operator) };
}

/** Which conditions of a list are not met, and the rule behind it that surprises. */
function explainVersion(
  version: Version,
  right: string,
  parse: typeof parseVersionConstraints,
  operator: "version" | "semver",
): string | undefined {
  const items = right.split(",").map((item) => item.trim());
  if (items.length > SHOWN) return undefined;
  const unmet = items.filter((item) => !parse(item)?.(version));
  const which =
    items.length > 1 ? `it is not ${unmet.map((item) => JSON.stringify(item)).join(" and not ")}` : undefined;
  const early =
    operator === "version" &&
    version.prerelease !== "" &&
    unmet.every((item) => parseSemverConstraints(item)?.(version));
  const rule = early
    ? "operator version takes a prerelease only where the condition names one of the same release"
    : undefined;
  const parts = [which, rule].filter((part) => part !== undefined);
  return parts.length === 0 ? undefined : parts.join("; ");
}

function matchesRegexp(left: string, right: string, work: Work): Answer {
  const compiled = compileRegexp(right);
  if (!compiled.ok)
    return { ok: false, note: `${JSON.stringify(right)} is not a regular expression: ${compiled.message}` };
  const ok = compiled.regexp.test(left, work);
  return ok === undefined
    ? {
        ok: false,
        note: "the expression and what was found are too long to compare, alone or with the others of the job",
      }
    : { ok };
}

function testOrder(left: Side, right: Side, holds: (order: number) => boolean, isVersion: boolean): Answer {
  if (left === undefined || right === undefined) return { ok: false };
  const nomad = compareAsNomad(left, right);
  const versions = isVersion ? compareAsVersions(left, right) : undefined;
  if (versions === undefined) {
    const ok = holds(nomad.order);
    return ok || nomad.as === "numbers" ? { ok } : { ok, reason: "compared as text, for they are not both numbers" };
  }
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
