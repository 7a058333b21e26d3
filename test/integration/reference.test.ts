import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Budget } from "../../src/hcl/budget.ts";
import { encodeJson } from "../../src/hcl/functions/json.ts";
import { FUNCTIONS } from "../../src/hcl/functions/table.ts";
import { parseHcl } from "../../src/hcl/parser.ts";
import type { VariableInputs } from "../../src/hcl/variables/input.ts";
import { resolveNames } from "../../src/hcl/variables/resolve.ts";
import { loadJob } from "../../src/job/load.ts";
import { outputJob } from "../../src/job/output.ts";
import { compileRegexp } from "../../src/regexp/regexp.ts";
import { replaceAll } from "../../src/regexp/replace.ts";
import type { Match } from "../../src/regexp/search.ts";
import { createRenderer } from "../../src/template/template.ts";
import { jobWithRow, readAttributeTable } from "../helpers/attribute-table.ts";
import { isMistake, jobWith, outcomesOf } from "../helpers/expression-outcomes.ts";
import { ExpressionMaker } from "../helpers/expressions.ts";
import { chosen, judgeGenerated, REFERENCE_SEED as SEED } from "../helpers/generated.ts";
import { jobDifferences, type LeafDifference } from "../helpers/job-differences.ts";
import { jobFiles } from "../helpers/job-files.ts";
import { makePatterns, type PatternCase } from "../helpers/patterns.ts";
import { buildReference, type Reference } from "../helpers/reference.ts";
import { tempDir } from "../helpers/temp.ts";
import { makeTemplates } from "../helpers/templates.ts";
import { JOB_DIFFERENCES } from "../reference/differences.ts";

/*
 * Whether job files mean the same here and in Nomad, whose own parser answers. Where it cannot be built these tests are skipped.
 * REFERENCE_SEED=n makes other expressions than the usual ones.
 */
const built = buildReference();
if (typeof built === "string") console.log(`the comparison with Nomad's parser is skipped: ${built}`);
const reference: Reference = typeof built === "string" ? () => [] : built;
const compared = test.skipIf(typeof built === "string");

// What is wrong is made smaller, which takes longer than to find it.
setDefaultTimeout(300_000);

const EXPRESSIONS = 6000;
const HEREDOCS = 1500;
const PATTERNS = 4000;
const JOBS = 2000;
const TEMPLATES = 4000;
const GOLDEN = join(import.meta.dirname, "../golden");

/** Which of some expressions come to something else than in Nomad without a reason. @param all so many are drawn at first. */
function areMistakes(expressions: readonly string[], all: number): boolean[] {
  const outcomes = outcomesOf(reference, expressions);
  // As many have a value as not: a comparison of errors alone would prove little.
  if (expressions.length === all) {
    expect(outcomes.filter(({ theirs }) => theirs !== undefined).length).toBeGreaterThan(expressions.length / 4);
  }
  return outcomes.map(isMistake);
}

/** All expressions that stand behind a name in the files of a folder, as they are spelled. */
function expressionsIn(folder: string): string[] {
  const files = readdirSync(folder).filter((name) => name.endsWith(".hcl"));
  return files.flatMap((name) => {
    const { body, source } = parseHcl(name, readFileSync(join(folder, name)));
    return body.attributes
      .filter(({ value }) => value.kind !== "invalid")
      .map(({ value: { span } }) => source.text.slice(span.start.offset, span.end.offset))
      .map((text) => (text.startsWith("<<") ? `${text}\n` : text));
  });
}

describe("expressions mean what they mean in Nomad", () => {
  compared("those of the golden files", () => {
    const expressions = expressionsIn(join(GOLDEN, "hcl"));
    expect(expressions.length).toBeGreaterThan(150);
    expect(outcomesOf(reference, expressions).filter(isMistake)).toEqual([]);
  });

  compared(`${EXPRESSIONS} generated ones`, () => {
    const expressions = chosen(300, (random) => new ExpressionMaker(random).make(3));
    judgeGenerated(expressions, { seed: SEED, runs: EXPRESSIONS }, (drawn) => areMistakes(drawn, EXPRESSIONS));
  });

  compared(`${HEREDOCS} generated heredocs`, () => {
    const heredocs = chosen(200, (random) => new ExpressionMaker(random).makeHeredoc());
    judgeGenerated(heredocs, { seed: SEED, runs: HEREDOCS }, (drawn) => areMistakes(drawn, HEREDOCS));
  });
});

const TYPES = [
  ...["string", "number", "bool", "list(string)", "set(number)", "map(string)", "tuple([string, bool])"],
  ...["object({ a = number })", "list(object({ a = string }))", "map(list(number))", undefined],
];
const VALUES = [
  ...["x", "5", "true", "1e3", "", " 7", '"5"', "null", "[1, 2]", '["a", 1, true]', '["b", "a", "b"]', "{ a = 1 }"],
  ...[
    '{ a = "1", b = 2 }',
    '[{ a = 1 }, { a = "x", b = 1 }]',
    "{ a = [1, 2], b = [] }",
    "var.b",
    'upper("a")',
    "[1",
    "1 + 1",
  ],
];

/** The variable of a file as JSON; undefined when anything is wrong with it. */
function computeVariable(text: string, inputs: VariableInputs): string | undefined {
  const surroundings = { functions: FUNCTIONS, budget: new Budget() };
  const { scope, diagnostics } = resolveNames(parseHcl("job.hcl", text).body, inputs, surroundings);
  const found = scope("var", "a");
  return diagnostics.length === 0 && found?.kind === "member" ? encodeJson(found.value, new Budget()) : undefined;
}

describe("variables are what they are in Nomad", () => {
  compared("for every type, value and way of giving it", async () => {
    await using dir = tempDir();
    const cases = TYPES.flatMap((type) =>
      VALUES.flatMap((value, at) =>
        (["flag", "environment", "file", "default"] as const).map((way) => ({
          type,
          value,
          way,
          file: dir.file(`${at}.hcl`),
        })),
      ),
    );
    for (const { value, file } of cases) writeFileSync(file, `a = ${value}\n`);
    const declare = ({ type, value, way }: (typeof cases)[number]) => {
      const lines = [type === undefined ? "" : `  type = ${type}\n`, way === "default" ? `  default = ${value}\n` : ""];
      return `variable "a" {\n${lines.join("")}}\n${jobWith("var.a")}`;
    };
    const answers = reference(
      cases.map((own) => ({
        Text: declare(own),
        Vars: own.way === "flag" ? [`a=${own.value}`] : [],
        Env: own.way === "environment" ? [`NOMAD_VAR_a=${own.value}`] : [],
        Files: own.way === "file" ? [own.file] : [],
      })),
    );
    const different = cases.flatMap((own, at) => {
      const given = [{ name: "a", text: own.value, by: "test" }];
      const variables = {
        flags: own.way === "flag" ? given : [],
        environment: own.way === "environment" ? given : [],
        files: own.way === "file" ? [{ name: own.file, text: readFileSync(own.file) }] : [],
      };
      const meta = answers[at]?.job?.["Meta"] as Readonly<Record<string, string>> | undefined;
      const ours = computeVariable(declare(own), variables);
      return ours === meta?.["v"] ? [] : [{ ...own, ours, theirs: meta?.["v"], error: answers[at]?.error }];
    });
    expect(different).toEqual([]);
  });
});

describe("regular expressions", () => {
  compared(`mean what they mean in Go, ${PATTERNS} of them`, () => {
    const cases = makePatterns(SEED, PATTERNS);
    const answers = reference(
      cases.map(({ pattern, subject, template }) => ({ Pattern: pattern, Subject: subject, Template: template })),
    );
    const different = cases.flatMap((own, at) => {
      const theirs = answers[at];
      const ours = matchOurs(own);
      const same =
        theirs?.error === undefined
          ? Bun.deepEquals(ours, { groups: theirs?.groups, replaced: theirs?.replaced })
          : ours === undefined;
      return same ? [] : [{ ...own, ours, theirs }];
    });
    expect(different).toEqual([]);
  });
});

function matchOurs({ pattern, subject, template }: PatternCase) {
  const compiled = compileRegexp(pattern);
  if (!compiled.ok) return undefined;
  const { regexp } = compiled;
  const match = regexp.find(subject, 0, () => undefined);
  const groups = match && regexp.names.map((_, at) => subject.slice(...spanOf(match, at)));
  return { groups, replaced: replaceAll(regexp, subject, template) };
}

/** Of a group that took no part, nothing. */
function spanOf(match: Match, group: number): [number, number] {
  return [Math.max(match[2 * group] ?? 0, 0), Math.max(match[2 * group + 1] ?? 0, 0)];
}

describe("templates", () => {
  compared(`are rendered as Go renders them, ${TEMPLATES} of them`, () => {
    const texts = makeTemplates(SEED, TEMPLATES);
    const answers = reference(texts.map((Actions) => ({ Actions })));
    const outcomes = texts.map((text, at) => {
      const ours = createRenderer({})({ text, left: "{{", right: "}}", errorOnMissingKey: false });
      const theirs = answers[at]?.error === undefined ? answers[at]?.replaced : undefined;
      return { text, ours: ours.ok ? ours.text : undefined, theirs };
    });
    expect(outcomes.filter(({ theirs }) => theirs !== undefined).length).toBeGreaterThan(TEMPLATES / 4);
    const different = outcomes.filter(({ ours, theirs }) => ours !== theirs);
    expect(different.toSorted((a, b) => a.text.length - b.text.length).slice(0, 5)).toEqual([]);
  });
});

const isMeant = ({ path, theirs }: LeafDifference): boolean =>
  JOB_DIFFERENCES.some((meant) => meant.paths.test(path) && (!("theirs" in meant) || meant.theirs === theirs));

describe("whole job files", () => {
  const folder = join(GOLDEN, "job");
  const jobsIn = (path: string): string[] => readdirSync(path).filter((name) => /\.(hcl|job)$/.test(name));
  const files = jobsIn(folder);
  const outputs = jobsIn(join(folder, "output")).map((name) => join("output", name));
  const cases = [
    ...[...files, ...outputs].map((name) => ({ name, text: readFileSync(join(folder, name), "utf8") })),
    ...readAttributeTable().map((row) => ({ name: row.text, text: jobWithRow(row) })),
  ];
  const taken = cases.flatMap(({ name, text }) => {
    const { job, kept } = loadJob("j.hcl", text, { keep: true });
    return job === undefined ? [] : [{ name, text, ours: outputJob(job, kept) }];
  });

  compared(
    "and each attribute that is taken are taken by Nomad, too, and are the same JSON but for what is meant",
    () => {
      expect(taken.length).toBeGreaterThan(files.length + 150);
      const answers = reference(taken.map(({ text }) => ({ Text: text, Canonical: true })));
      expect(
        taken.flatMap(({ name }, at) => (answers[at]?.error === undefined ? [] : [[name, answers[at]?.error]])),
      ).toEqual([]);
      const found = taken.flatMap(({ name, ours }, at) =>
        jobDifferences(answers[at]?.job, ours).map((difference) => ({ name, ...difference })),
      );
      expect(found.filter((difference) => !isMeant(difference))).toEqual([]);
      // What is in the list and is no difference any more goes.
      expect(JOB_DIFFERENCES.filter(({ paths }) => !found.some(({ path }) => paths.test(path)))).toEqual([]);
    },
  );

  compared(
    `and ${JOBS} generated ones that are taken are taken by Nomad, too, and are the same JSON but for what is meant`,
    () => {
      judgeGenerated(jobFiles, { seed: SEED, runs: JOBS }, (texts) => {
        const answers = reference(texts.map((text) => ({ Text: text, Canonical: true })));
        const ours = texts.map((text) => {
          const { job, kept } = loadJob("j.hcl", text, { keep: true });
          return job === undefined ? undefined : outputJob(job, kept);
        });
        if (texts.length === JOBS) expect(ours.filter((job) => job !== undefined).length).toBeGreaterThan(JOBS / 3);
        return ours.map((job, at) => {
          if (job === undefined) return false;
          const theirs = answers[at];
          return theirs?.error !== undefined || jobDifferences(theirs?.job, job).some((found) => !isMeant(found));
        });
      });
    },
  );
});
