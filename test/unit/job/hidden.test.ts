import { expect, test } from "bun:test";
import { functionsWithFiles } from "../../../src/hcl/functions/files.ts";
import { renderDiagnostics } from "../../../src/hcl/render.ts";
import { loadJob } from "../../../src/job/load.ts";

const SECRET = "hunter2secret";

/** What is told of a file whose variable `p` is a password that somebody gave. */
function tell(text: string): string {
  const { diagnostics, sources } = loadJob(
    "x.hcl",
    `variable "p" {\n}\nvariable "m" {\ntype = map(string)\n}\n${text}`,
    {
      functions: functionsWithFiles({ base: "/nowhere", home: undefined }),
      variables: {
        flags: [
          { name: "p", text: SECRET, by: "-var" },
          { name: "m", text: `{ ${SECRET} = "a" }`, by: "-var" },
        ],
      },
    },
  );
  return renderDiagnostics(diagnostics, sources);
}

const local = (value: string): string => `locals {\n  x = ${value}\n}\n`;
const group = (block: string): string => `job "j" {\n  group "g" {\n    ${block}\n  }\n}\n`;
const task = (block: string): string => group(`task "t" {\n    ${block}\n    }`);

const GIVEN: readonly (readonly [name: string, text: string, told: string])[] = [
  ["the key of an object", local("{ a = 1 }[var.p]"), 'this value has no "…"'],
  ["the index of a list", local("[1][var.p]"), 'has 1 item and none at "…"'],
  ["a key on the way to a part", local("{ (var.p) = [1] }[var.p][3]"), "has 1 item and none at 3"],
  ["a key that a loop makes", local("{ for i in [1, 2] : var.p => i }"), '"for" makes the key "…" twice'],
  ["a key that stands twice", local("{ (var.p) = 1, (var.p) = 2 }"), 'key "…" stands twice'],
  ["a key that was nearly named", local("var.m.huntersecret"), '"var.m" has no "huntersecret"'],
  ["a number", 'job "j" {\n  priority = "${var.p}0"\n}\n', "found text"],
  ["a path", local("file(var.p)"), "there is no such file\n"],
  ["a pattern", local('regex_replace("a", "[${var.p}", "")'), "this is no regular expression\n"],
  ["letters of a date", local('formatdate(var.p, "2026-01-01T00:00:00Z")'), "letters that stand for nothing"],
  [
    "what a dynamic block goes through",
    group('dynamic "constraint" {\nfor_each = [var.p]\ncontent {\noperator = constraint.value\n}\n}'),
    "found what is not shown",
  ],
  [
    "a part of a condition",
    group('constraint {\nattribute = "a"\noperator = "regexp"\nvalue = "(${var.p}["\n}'),
    "must be a regular expression of RE2",
  ],
  ["a port", task("service {\nport = var.p\n}"), 'port "…" is in no network block'],
  ["a region", 'job "j" {\n  region = var.p\n}\n', 'region "…" has no effect'],
];

test.each(GIVEN)("%s that was given is not shown", (_, text, told) => {
  const shown = tell(text);
  expect(shown).toContain(told);
  expect(shown).not.toContain("hunter2");
});

test("a key that is written out is shown, also one of what was given", () => {
  expect(tell(local('{ a = var.p }["other"]'))).toContain('has no "other"');
  expect(tell(local("[var.p][1]"))).toContain("none at 1");
});

test("a path that stands in the file is told", () => {
  expect(tell(local('file("missing.txt")'))).toContain("there is no such file: /nowhere/missing.txt");
});

const WRITTEN: readonly (readonly [name: string, text: string, told: string])[] = [
  ["without its closing quote", task('env {\nP = "hunter2secret\n}'), "string is never closed"],
  ["without any quotes", task("env {\nP = hunter2secret hunter2secret\n}"), "found text"],
  ["without the sign of an attribute", task('env {\nP "hunter2secret"\n}'), "missing"],
  ["on a later line of a map", task('env = {\nA = "a"\nP = "hunter2secret\n}'), "string is never closed"],
  ["on a line of a text of several lines", task("env {\nP = <<E\nhunter2: ${a b}\nE\n}"), 'expected "}"'],
  ["as a default", 'variable "d" {\ndefault = "hunter2secret\n}\n', "string is never closed"],
  ["as a default without quotes", "variables {\nd = hunter2secret\n}\n", "a value is written out here"],
  ["as a local", 'locals {\nd = "hunter2secret\n}\n', "string is never closed"],
  [
    "in a condition",
    'variable "d" {\nvalidation {\ncondition = var.d != "hunter2secret\n}\n}\n',
    "string is never closed",
  ],
  ["in a loop", group('dynamic "task" {\nfor_each = ["hunter2secret\n}'), "string is never closed"],
];

test.each(WRITTEN)("a secret that is written %s is not shown", (_, text, told) => {
  const shown = tell(text);
  expect(shown).toContain(told);
  expect(shown).not.toContain("hunter2");
});

test("what is wrong beside a secret is shown", () => {
  expect(tell(task('env {\nP = "p"\n}\nkill_timeout = "5s'))).toContain('kill_timeout = "5s');
});

test("a secret on the only line of a file is not shown, whatever the file lacks", () => {
  for (const text of ['variables { d = "hunter2secret" }\n', 'variable "d" { default = "hunter2secret" }\n']) {
    const { diagnostics, sources } = loadJob("x.hcl", text);
    const shown = renderDiagnostics(diagnostics, sources);
    expect(shown).toContain('missing block "job"');
    expect(shown).not.toContain("hunter2");
  }
});
