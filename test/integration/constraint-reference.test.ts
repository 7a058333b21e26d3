import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { applyOperator } from "../../src/constraint/operators.ts";
import { parseSemverConstraints, parseVersion, parseVersionConstraints } from "../../src/job/version.ts";
import { compileRegexp } from "../../src/regexp/regexp.ts";
import {
  type Cases,
  orderCases,
  regexpCases,
  regexpNoise,
  versionCases,
  versionOrderCases,
} from "../helpers/constraint-cases.ts";
import { judgeGenerated, REFERENCE_SEED as SEED } from "../helpers/generated.ts";
import { HOME } from "../helpers/steps.ts";
import { buildVersionReference, type ReferenceAnswer, type ReferenceCase } from "../helpers/version-reference.ts";

interface Difference {
  readonly operator: string;
  /** Patterns of the sides that it is about. */
  readonly left?: string;
  readonly right: string;
  /** A case in which we and Go really differ. */
  readonly example: ReferenceCase;
  readonly reason: string;
}

const DIFFERENCES = JSON.parse(
  readFileSync(join(HOME, "test", "reference", "version", "differences.json"), "utf8"),
) as readonly Difference[];

// What is wrong is made smaller, which takes longer than to find it.
setDefaultTimeout(300_000);

const reference = buildVersionReference();
if (typeof reference === "string") console.log(`go-version and RE2 are not compared with: ${reference}`);
const askGo = typeof reference === "string" ? () => [] : reference;

function ask([operator, left, right]: ReferenceCase): ReferenceAnswer {
  const { ok: holds } = applyOperator(operator, left, right, false);
  switch (operator) {
    case "version":
      return {
        leftIsValid: parseVersion(left) !== undefined,
        rightIsValid: parseVersionConstraints(right) !== undefined,
        holds,
      };
    case "semver":
      return {
        leftIsValid: parseVersion(left) !== undefined,
        rightIsValid: parseSemverConstraints(right) !== undefined,
        holds,
      };
    case "regexp":
      return { leftIsValid: true, rightIsValid: compileRegexp(right).ok, holds };
    default:
      return { leftIsValid: true, rightIsValid: true, holds };
  }
}

function isIntended([operator, left, right]: ReferenceCase): boolean {
  return DIFFERENCES.some(
    (one) =>
      one.operator === operator &&
      new RegExp(one.right, "u").test(right) &&
      (one.left === undefined || new RegExp(one.left, "u").test(left)),
  );
}

/** Whether we and Go differ in a case and should not. */
function areWrong(cases: readonly ReferenceCase[]): boolean[] {
  const go = askGo(cases);
  return cases.map((one, index) => !Bun.deepEquals(ask(one), go[index]) && !isIntended(one));
}

/** How many of the answers hold, and how many of the right sides are none: what is generated must be worth asking. */
function shares(cases: readonly ReferenceCase[]) {
  const answers = cases.map(ask);
  const share = (test: (answer: ReferenceAnswer) => boolean) => answers.filter(test).length / answers.length;
  return { holds: share(({ holds }) => holds), refused: share(({ rightIsValid }) => !rightIsValid) };
}

describe.skipIf(typeof reference === "string")("we answer as Go does (skipped where there is no Go)", () => {
  const SETS: readonly [string, number, Cases][] = [
    ["operator version on 50,000 pairs", 50_000, versionCases("version")],
    ["operator semver on 30,000 pairs", 30_000, versionCases("semver")],
    ["the operators of order on 20,000 pairs", 20_000, orderCases],
    ["20,000 expressions on a text each", 20_000, regexpCases],
  ];

  test.each(SETS)("to %s", (_, runs, cases) => {
    judgeGenerated(cases, { seed: SEED, runs }, (drawn) => {
      if (drawn.length === runs) {
        const { holds, refused } = shares(drawn);
        expect(holds).toBeGreaterThan(0.1);
        expect(refused).toBeLessThan(0.6);
      }
      return areWrong(drawn);
    });
  });

  test("on 15,000 expressions that make no sense", () => {
    judgeGenerated(regexpNoise, { seed: SEED, runs: 15_000 }, areWrong);
  });

  test("where versions are ordered as such, and the note says each time when Nomad answers otherwise", () => {
    judgeGenerated(versionOrderCases, { seed: SEED, runs: 10_000 }, (cases) => {
      const go = askGo(cases);
      return cases.map((one, index) => {
        const { ok, note } = applyOperator(...one, true);
        const says = /Nomad compares (?:bytes|numbers) here and says (yes|no)/.exec(note ?? "")?.[1];
        const there = go[index]?.holds;
        return says !== (ok === there ? undefined : there ? "yes" : "no");
      });
    });
  });

  test.each(DIFFERENCES.map((one): [string, Difference] => [one.reason, one]))("but for this: %s", (_, { example }) => {
    expect(isIntended(example)).toBe(true);
    expect(ask(example)).not.toEqual(askGo([example])[0]);
  });
});
