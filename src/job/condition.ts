import { compileRegexp } from "../regexp/regexp.ts";
import { parseSemverConstraints, parseVersionConstraints } from "./version.ts";

/** What is wrong with a value, and what to do about it. */
export interface ConditionProblem {
  /** What follows the value's name: `must be …`. */
  readonly message: string;
  readonly hint: string | undefined;
}

const TESTS: Readonly<Record<string, (value: string) => ConditionProblem | undefined>> = {
  regexp: findRegexpProblem,
  version: (value) => findListProblem("version", value, parseVersionConstraints(value) !== undefined),
  semver: (value) => findListProblem("semver", value, parseSemverConstraints(value) !== undefined),
};

/**
 * What keeps a value from being one of operator `regexp`, `version` or `semver`: Nomad looks at it when a job is submitted, and never meets
 * it otherwise. A name, `${meta.wanted}`, is looked at when it has its value.
 */
export function findConditionProblem(operator: string, value: string): ConditionProblem | undefined {
  if (/^\$\{[^{}]+\}$/.test(value)) return undefined;
  return Object.hasOwn(TESTS, operator) ? TESTS[operator]?.(value) : undefined;
}

function findRegexpProblem(value: string): ConditionProblem | undefined {
  const compiled = compileRegexp(value);
  return compiled.ok
    ? undefined
    : { message: `must be a regular expression of RE2, as Nomad's: ${compiled.message}`, hint: compiled.hint };
}

function findListProblem(operator: "version" | "semver", value: string, ok: boolean): ConditionProblem | undefined {
  // What is missing altogether is told by the rule that there must be a value.
  if (ok || value === "") return undefined;
  const message = `must be a list of conditions such as ">= 7.2, < 8", found ${JSON.stringify(value)}`;
  return { message, hint: hintFor(operator, value) };
}

function hintFor(operator: "version" | "semver", value: string): string | undefined {
  if (/\^|\|\||[*]|\.x\b|(?:^|,)\s*~(?!>)/.test(value)) {
    return `Nomad has no ^, ~, ||, * and x: write ${operator === "version" ? "~> 7.2, or " : ""}>= 7.2, < 8`;
  }
  if (operator === "semver" && value.includes("~>"))
    return "operator semver has no ~>: write >= 7.2, < 8, or operator version";
  if (operator === "semver" && parseVersionConstraints(value) !== undefined)
    return "semver wants a - before rc1, beta and the like";
  if (/==/.test(value)) return "one = is enough";
  return undefined;
}
