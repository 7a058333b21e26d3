import { expect, test } from "bun:test";
import { loadJob } from "../../../src/job/load.ts";

/** For what takes less than a second on an idle machine, and would take hours or all memory if nothing stopped it. */
const DEADLINE_MS = 60_000;

const lines = (count: number, line: (index: number) => string): string =>
  Array.from({ length: count }, (_, index) => line(index)).join("\n");

/** A job whose meta is an expression, behind locals that each make more of the one before. */
function growing(first: string, next: (before: string) => string, value: string, count = 60): string {
  const locals = lines(count, (index) => `  l${index + 1} = ${next(`local.l${index}`)}`);
  return `locals {\n  l0 = ${first}\n${locals}\n}\n${job(value.replaceAll("LAST", `local.l${count}`))}`;
}

function job(value: string): string {
  return `job "x" {\n  meta = {\n    v = ${value}\n  }\n}\n`;
}

const LONG = 'join("", [for i in range(1024) : "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"])';

const TEXT = "characters of computed text";
const VALUES = "computed values";
const WORK = "steps of computing";

const HOSTILE: readonly (readonly [name: string, text: string, told: string])[] = [
  ["text that doubles", growing('"xxxxxxxxxx"', (l) => `"\${${l}}\${${l}}"`, "LAST"), TEXT],
  ["a list that doubles", growing("[1]", (l) => `concat(${l}, ${l})`, "length(LAST)"), VALUES],
  ["a list of itself twice, written out", growing("[1]", (l) => `[${l}, ${l}]`, "jsonencode(LAST)"), WORK],
  ["a list of itself twice, compared", growing("[1]", (l) => `[${l}, ${l}]`, "LAST == LAST"), WORK],
  ["a list of itself twice, in a conditional", growing("[1]", (l) => `[${l}, ${l}]`, "true ? LAST : [1]"), WORK],
  ["a list of itself twice, flattened", growing("[1]", (l) => `[${l}, ${l}]`, "length(flatten(LAST))"), WORK],
  ["a list of itself twice, as it is", growing("[1]", (l) => `[${l}, ${l}]`, "LAST"), WORK],
  ["a list in a list in a list", growing("[1]", (l) => `[${l}]`, "LAST", 20_000), "nested more than 300 deep"],
  ["a number that squares", growing("10", (l) => `${l} * ${l}`, "LAST"), "too large or too small"],
  ["a million turns", job("length([for i in range(1024) : [for j in range(1024) : i * j]])"), VALUES],
  ["a range of billions", job("length(range(1000000000))"), "more than 1024 numbers"],
  ["a format of a billion columns", job('format("%1000000000d", 1)'), "above 4096"],
  ["a replacement of all by all", job(`replace(${LONG}, "a", ${LONG})`), TEXT],
  ["a replacement of nothing", job(`replace(${LONG}, "", ${LONG})`), TEXT],
  ["a format of one long text many times", job(`format("${"%[1]s".repeat(50_000)}", ${LONG})`), TEXT],
  ["a format of many wide numbers", job(`format("${"%4096[1]d".repeat(50_000)}", 1)`), TEXT],
  [
    "a pattern that puts in all of a text many times",
    job(`regex_replace(${LONG}, ".*", "${"$0".repeat(50_000)}")`),
    TEXT,
  ],
  ["JSON of one long text many times", job(`jsonencode([for i in range(1024) : replace(${LONG}, "a", "<")])`), TEXT],
  ["a pattern of many groups", job(`regex_replace(${LONG}, "${"()".repeat(4900)}", "")`), WORK],
  ["a pattern of many assertions", job(`regex_replace(${LONG}, "${"\\\\B".repeat(9000)}x", "")`), WORK],
  ["many large patterns", job(`[for i in range(1024) : regex_replace("", "${"x{1000}".repeat(9)}$\{i}", "")]`), WORK],
  [
    "a product of many lists and an empty one",
    job(`length(setproduct([for i in range(500) : range(1024)]...))`),
    VALUES,
  ],
  [
    "a product of one list and many of one item",
    job('length(setproduct(range(1024), [for i in range(1000) : ["x"]]...))'),
    VALUES,
  ],
  [
    "loops that fail at their first turn",
    `locals {\n  b = flatten([for i in range(10) : range(1024)])\n}\n${job("[for i in range(1024) : can([for x in local.b : x.y])]")}`,
    WORK,
  ],
  ["a list of itself twice, not chosen", growing("[1]", (l) => `[${l}, ${l}]`, "true ? [1] : LAST"), WORK],
  ["a splat too many", job(`[1]${"[*]".repeat(21)}`), "more than 20 splats"],
  ["an indentation of billions", job('indent(1000000000, "a\\nb")'), "from 0 to 4096"],
  ["a product of many lists", job("length(setproduct(range(1000), range(1000), range(1000)))"), VALUES],
  ["many long texts counted", job(`[for i in range(1000) : strlen(replace(${LONG}, "a", "é"))]`), WORK],
  ["many long texts in capitals", job(`[for i in range(1000) : length([upper(replace(${LONG}, "a", "é"))])]`), WORK],
  ["many sorts", job(`[for i in range(1000) : length(sort([for j in range(1000) : md5(i + j)]))]`), VALUES],
  ["many searches", job("[for i in range(1000) : [for j in range(1000) : contains(range(1000), -1)]]"), VALUES],
  ["many parentheses", job(`${"(".repeat(5000)}1${")".repeat(5000)}`), "nested more than 200 deep"],
  ["many signs", job(`${"!".repeat(100_000)}true`), "nested more than 200 deep"],
  ["many conditionals", job(`${"true ? ".repeat(5000)}1${" : 2".repeat(5000)}`), "nested more than 200 deep"],
  ["many directives", job(`"${"%{if true}".repeat(5000)}${"%{endif}".repeat(5000)}"`), "nested more than 100 deep"],
  ["many indices", job(`[1]${"[0]".repeat(100_000)}`), "more than 200000 values"],
  ["many splats", job(`[1]${"[*]".repeat(1000)}`), "more than 20 splats"],
  [
    "a deep type",
    `variable "x" {\n  type = ${"list(".repeat(5000)}string${")".repeat(5000)}\n}\n`,
    "nested more than 200",
  ],
  ["deep JSON", job(`jsondecode("${"[".repeat(10_000)}")`), "this is no JSON"],
  [
    "a circle of locals",
    `locals {\n${lines(60_000, (at) => `  l${at} = local.l${(at + 1) % 60_000}`)}\n}\n`,
    "in a circle",
  ],
  [
    "blocks in blocks",
    `job "x" {\n${'dynamic "group" {\nfor_each = range(1024)\ncontent {\n'.repeat(3)}${"}\n}\n".repeat(3)}}\n`,
    "blocks of dynamic ones",
  ],
];

test.each(HOSTILE)(
  "%s end with an error that says what there is too much of",
  (_, text, told) => {
    const { job: read, diagnostics } = loadJob("x.hcl", text);
    expect(read).toBeUndefined();
    expect(diagnostics.filter(({ message }) => message.includes(told))).toHaveLength(1);
  },
  DEADLINE_MS,
);

test("as many splats as may be are read", () => {
  const { diagnostics } = loadJob("x.hcl", job(`length([1]${"[*]".repeat(20)})`));
  expect(diagnostics.map(({ message }) => message)).toEqual(["a job needs a group"]);
});

test("long rows of operators and references are read, however long", () => {
  const { diagnostics } = loadJob("x.hcl", job(`1${" + 1".repeat(50_000)}`));
  expect(diagnostics.map(({ message }) => message)).toEqual(["a job needs a group"]);
});

test("errors that one pattern makes many times over are told once", () => {
  const group = 'dynamic "group" {\nfor_each = range(1000)\nlabels = ["g${group.key}"]\ncontent {\ncountt = 1\n}\n}\n';
  const { diagnostics } = loadJob("x.hcl", `job "x" {\n${group}}\n`);
  expect(diagnostics.filter(({ message }) => message.includes("countt"))).toHaveLength(1);
});

/** What grows with the square of its length is seen at this one: it takes a second, or hours. */
const LONG_FILES: readonly (readonly [name: string, text: string])[] = [
  ["of one kind of block", `job "x" {\n${lines(30_000, () => "constraint {\nattribute = 1\n}")}\n}\n`],
  ["of ports of two kinds by turns", `job "x" {\ngroup "g" {\nnetwork {\n${lines(15_000, port)}\n}\n}\n}\n`],
  [
    "of misspelt names",
    `locals {\n${lines(20_000, (at) => `name_${at} = 1`)}\nx = [${lines(20_000, (at) => `local.nmae_${at},`)}]\n}\n`,
  ],
  ["with brackets and braces that do not fit", `x = ) ${"[".repeat(500_000)}${"}".repeat(500_000)}`],
];

function port(at: number): string {
  return `port "p${at}" {\n${at % 2 === 0 ? "to" : "static"} = ${at}\n}`;
}

test.each(LONG_FILES)(
  "a long file %s is read to its end",
  (_, text) => {
    expect(loadJob("x.hcl", text).job).toBeUndefined();
  },
  DEADLINE_MS,
);

test("a long field in quotes is read to its end", () => {
  const { diagnostics } = loadJob("x.hcl", job(`csvdecode("a\\n\\"${"x".repeat(2_000_000)}\\"")[0].a`));
  expect(diagnostics.map(({ message }) => message)).toEqual(["a job needs a group"]);
});
