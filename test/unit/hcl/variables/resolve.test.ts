import { describe, expect, test } from "bun:test";
import { Budget } from "../../../../src/hcl/budget.ts";
import type { Diagnostic } from "../../../../src/hcl/diagnostic.ts";
import { compute } from "../../../../src/hcl/evaluation/evaluate.ts";
import { encodeJson } from "../../../../src/hcl/functions/json.ts";
import { FUNCTIONS } from "../../../../src/hcl/functions/table.ts";
import { parseHcl } from "../../../../src/hcl/parser.ts";
import { renderDiagnostics } from "../../../../src/hcl/render.ts";
import type { VariableInputs } from "../../../../src/hcl/variables/input.ts";
import { resolveNames } from "../../../../src/hcl/variables/resolve.ts";

/** The JSON of an expression in a file that declares names, and what is told without it. */
function look(
  declarations: string,
  expression: string,
  inputs: VariableInputs = {},
): {
  readonly value: string | undefined;
  readonly told: readonly string[];
  readonly rendered: string;
  readonly outside: boolean;
} {
  const { body, source } = parseHcl("job.hcl", `${declarations}\nvalue = ${expression}\n`);
  const surroundings = { functions: FUNCTIONS, budget: new Budget() };
  const { scope, diagnostics, sources, rest } = resolveNames(body, inputs, surroundings);
  expect(rest.blocks).toEqual([]);
  const attribute = rest.attributes.at(-1);
  if (attribute === undefined) throw new Error("no expression");
  const { value, diagnostics: own, outside } = compute(attribute.value, scope, surroundings);
  const all: Diagnostic[] = [...diagnostics, ...own];
  const rendered = renderDiagnostics(all, new Map([["job.hcl", source], ...sources]));
  return {
    value: value && encodeJson(value, surroundings.budget),
    told: all.map(({ message }) => message),
    rendered,
    outside,
  };
}

const VAR = 'variable "a" { default = "file" }';

describe("the value of a variable", () => {
  const environment = [
    { name: "a", text: "nomad", by: "NOMAD_VAR_a" },
    { name: "a", text: "paddock", by: "PADDOCK_VAR_a" },
  ];
  const files = [
    { name: "one.hcl", text: 'a = "one"\n' },
    { name: "two.json", text: '{"a": "two"}' },
  ];
  const flags = [
    { name: "a", text: "first", by: "-var" },
    { name: "a", text: "last", by: "-var" },
  ];

  test.each<[string, VariableInputs, string]>([
    ["its default", {}, "file"],
    ["the environment's", { environment: environment.slice(0, 1) }, "nomad"],
    ["our environment's before Nomad's", { environment }, "paddock"],
    ["a file's before the environment's", { environment, files: files.slice(0, 1) }, "one"],
    ["the last file's", { environment, files }, "two"],
    ["the command line's before all others", { environment, files, flags: flags.slice(0, 1) }, "first"],
    ["the last one of the command line", { environment, files, flags }, "last"],
  ])("is %s", (_, inputs, expected) => {
    expect(look(VAR, "var.a", inputs)).toMatchObject({ value: JSON.stringify(expected), told: [] });
  });

  test.each<[string, string, string]>([
    ["string", "7", '"7"'],
    ["string", '"quoted"', '"\\"quoted\\""'],
    ["number", "9007199254740993", "9007199254740993"],
    ["bool", "true", "true"],
    ["list(string)", '["a", 1]', '["a","1"]'],
    ["set(string)", '["b", "a", "b"]', '["a","b"]'],
    ["map(number)", '{ a = 1, b = "2" }', '{"a":1,"b":2}'],
    ["object({ name = string, port = number })", '{ name = "x", port = "80", more = 1 }', '{"name":"x","port":80}'],
    ["tuple([string, number])", '["a", "1"]', '["a",1]'],
  ])("of type %s given as %s is %s", (type, text, expected) => {
    const inputs = { flags: [{ name: "a", text, by: "-var" }] };
    expect(
      look(`variable "a" { type = ${type} }`.replace("{ type", "{\ntype").replace(/ }$/, "\n}"), "var.a", inputs),
    ).toMatchObject({
      value: expected,
      told: [],
    });
  });

  test("is text where neither type nor default say what it is, and of the default's type where only that does", () => {
    const flags = [{ name: "a", text: "[1]", by: "-var" }];
    expect(look('variable "a" {}', "var.a", { flags }).value).toBe('"[1]"');
    expect(look('variable "a" { default = [2] }', "var.a", { flags }).value).toBe("[1]");
    expect(look("variables { a = 5 }", "var.a", { flags: [{ name: "a", text: "7", by: "-var" }] }).value).toBe("7");
  });

  test("is known to have come from outside, also through locals", () => {
    const flags = [{ name: "a", text: "given", by: "-var" }];
    const locals = `${VAR}\nlocals {\n  b = upper(local.c)\n  c = "-\${var.a}-"\n}`;
    expect(look(locals, "local.b")).toMatchObject({ value: '"-FILE-"', outside: false });
    expect(look(locals, "local.b", { flags })).toMatchObject({ value: '"-GIVEN-"', outside: true });
    expect(look(VAR, 'try(var.a.part, "none")', { flags })).toMatchObject({ value: '"none"', outside: true });
  });

  test("may be asked for by a name that is computed", () => {
    expect(look(VAR, 'var["${"a"}"]').value).toBe('"file"');
    expect(look(VAR, "keys(var)").value).toBe('["a"]');
  });
});

describe("what is given and wrong", () => {
  const NUMBER = 'variable "a" {\n  type = number\n}';
  const LIST = 'variable "a" {\n  type = list(number)\n}';

  test.each<[string, string, VariableInputs, string]>([
    [
      "a value of another type",
      NUMBER,
      { flags: [{ name: "a", text: "hunter2", by: "-var" }] },
      'the value of variable "a" that -var gives: expected a number, found text that is none',
    ],
    [
      "a list that is none",
      LIST,
      { environment: [{ name: "a", text: "[1, hunter2 3]", by: "PADDOCK_VAR_a" }] },
      'the value of variable "a" that PADDOCK_VAR_a gives: it is no expression of HCL, at character 13',
    ],
    [
      "a reference",
      LIST,
      { flags: [{ name: "a", text: "[hunter2]", by: "-var" }] },
      'the value of variable "a" that -var gives: a value is written out here: no references',
    ],
    [
      "a function",
      LIST,
      { flags: [{ name: "a", text: '[length("hunter2")]', by: "-var" }] },
      'the value of variable "a" that -var gives: references and functions have no meaning in it',
    ],
    [
      "a second attribute",
      LIST,
      { flags: [{ name: "a", text: "[1]\nhunter2 = 1", by: "-var" }] },
      'the value of variable "a" that -var gives: it is no expression of HCL',
    ],
    [
      "an unknown name on the command line",
      VAR,
      { flags: [{ name: "b", text: "hunter2", by: "-var" }] },
      'variable "b" is set by -var, and the job file declares none of this name',
    ],
    [
      "an unknown name in a file",
      VAR,
      { files: [{ name: "v.hcl", text: "b = hunter2" }] },
      'variable "b" is set by v.hcl, and the job file declares none of this name',
    ],
    [
      "a value of a file of another type",
      NUMBER,
      { files: [{ name: "v.hcl", text: 'a = "hunter2"' }] },
      'variable "a": expected a number, found text that is none',
    ],
    [
      "a declaration in a file",
      VAR,
      { files: [{ name: "v.hcl", text: 'variable "b" {}' }] },
      "a file of variables declares none",
    ],
    [
      "a file that cannot be read",
      VAR,
      { files: [{ name: "v.json", text: '{"a": hunter2}' }] },
      'expected a value, found "h"',
    ],
    [
      "what a validation refuses in a file",
      'variable "a" {\n  validation {\n    condition = var.a == "x"\n    error_message = "No."\n  }\n}',
      { files: [{ name: "v.hcl", text: 'a = "hunter2"' }] },
      'variable "a": No.',
    ],
    [
      "a file that may have the value and cannot be read",
      'variable "a" {}',
      { files: [{ name: "v.json", text: '{"a": hunter2}' }] },
      'expected a value, found "h"',
    ],
    [
      "a broken line that may have the value",
      'variable "a" {}',
      { files: [{ name: "v.hcl", text: '"a hunter2' }] },
      "string is never closed",
    ],
  ])("%s is told once, without the value", (_, declarations, inputs, message) => {
    const { told, rendered } = look(declarations, "var.a", inputs);
    expect(told).toEqual([message]);
    expect(rendered).not.toContain("hunter2");
  });

  test("in the environment counts for nothing when no variable has the name", () => {
    const environment = [{ name: "other", text: "x", by: "NOMAD_VAR_other" }];
    expect(look(VAR, "var.a", { environment })).toMatchObject({ value: '"file"', told: [] });
  });

  test("an unknown name is a warning when that was asked for", () => {
    const { body } = parseHcl("job.hcl", VAR);
    const inputs = { flags: [{ name: "b", text: "x", by: "-var" }], strict: false };
    const { diagnostics } = resolveNames(body, inputs, { functions: FUNCTIONS, budget: new Budget() });
    expect(diagnostics.map(({ severity }) => severity)).toEqual(["warning"]);
  });

  test("is told at its place in the file of variables, with the line's value blanked", () => {
    const { rendered } = look(NUMBER, "var.a", { files: [{ name: "v.hcl", text: '# site\na = "hunter2"\n' }] });
    expect(rendered).toBe(
      'v.hcl:2:5: variable "a": expected a number, found text that is none\n    2 | a = …\n      |     ^\n',
    );
  });

  test("a later value that is right makes an earlier one that is wrong good again, which was told all the same", () => {
    const inputs = {
      environment: [{ name: "a", text: "x", by: "NOMAD_VAR_a" }],
      flags: [{ name: "a", text: "5", by: "-var" }],
    };
    expect(look(NUMBER, "var.a", inputs)).toMatchObject({ value: "5" });
  });
});

describe("validation", () => {
  const checked = (condition: string) =>
    `variable "a" {\n  default = 5\n\n  validation {\n    condition = ${condition}\n    error_message = "It must fit."\n  }\n}`;

  test("looks at the value that counts, and uses functions", () => {
    expect(look(checked("contains([5, 7], var.a)"), "var.a").told).toEqual([]);
    const flags = [{ name: "a", text: "6", by: "-var" }];
    expect(look(checked("contains([5, 7], var.a)"), "var.a", { flags }).told).toEqual(['variable "a": It must fit.']);
  });

  test("must say true or false", () => {
    expect(look(checked("var.a"), "var.a").told).toEqual(["a condition must be true or false"]);
    expect(look(checked("var.a > local.b"), "var.a").told).toEqual(["only var.a is known here"]);
  });
});

describe("locals", () => {
  test("may stand in any order and in several blocks", () => {
    const text = "locals {\n  a = local.b + 1\n}\nlocals {\n  b = local.c * 2\n  c = 3\n}";
    expect(look(text, "[local.a, local.b]")).toMatchObject({ value: "[7,6]", told: [] });
  });

  test("a chain of thousands has its value", () => {
    const lines = Array.from({ length: 5000 }, (_, at) => `  l${at} = local.l${at + 1}`);
    expect(look(`locals {\n${lines.join("\n")}\n  l5000 = 1\n}`, "local.l0").value).toBe("1");
  });

  test("keep references that only the run time knows", () => {
    expect(look('locals {\n  a = "${attr.kernel.name}/x"\n}', "local.a").value).toBe('"${attr.kernel.name}/x"');
  });

  test("that refer to all locals refer to themselves", () => {
    expect(look("locals {\n  a = keys(local)\n}", "1").told).toEqual(['local "a" refers to itself']);
  });

  test("of what a circle leads to, only the circle is told", () => {
    const text = "locals {\n  a = local.b\n  b = local.a\n  c = local.a\n}";
    expect(look(text, "local.c").told).toEqual(["locals refer to each other in a circle: a → b → a"]);
  });
});
