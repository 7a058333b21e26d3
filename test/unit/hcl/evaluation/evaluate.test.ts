import { describe, expect, test } from "bun:test";
import type { Expression } from "../../../../src/hcl/ast.ts";
import type { Datum } from "../../../../src/hcl/cty/datum.ts";
import { datumOfJson } from "../../../../src/hcl/cty/json-datum.ts";
import { NOTHING_KNOWN, type Scope } from "../../../../src/hcl/evaluation/scope.ts";
import { parseJson } from "../../../../src/hcl/json.ts";
import { parseHcl } from "../../../../src/hcl/parser.ts";
import { type Evaluated, evaluate, toPlain } from "../golden.ts";

function parseExpression(text: string): Expression {
  const value = parseHcl("x.hcl", `a = ${text}\n`).body.attributes[0]?.value;
  if (value === undefined) throw new Error(`no expression: ${text}`);
  return value;
}

function jsonValue(json: string): Datum {
  const { value } = parseJson("scope.json", json);
  if (value === undefined) throw new Error(`no JSON: ${json}`);
  return datumOfJson(value);
}

const SCOPE: Readonly<Record<string, Datum>> = {
  image: jsonValue('{"path": "linux.img", "sizes": [10, 20.50], "empty": null, "a b": true}'),
  var: jsonValue('{"count": 3}'),
};
const scope: Scope = (root) => {
  const value = SCOPE[root];
  return value === undefined ? undefined : { kind: "value", value };
};

function tell({ diagnostics }: Evaluated): string[] {
  return diagnostics.map(({ severity, span, message, hint }) =>
    [`${severity} ${span?.start.column}-${span?.end.column} ${message}`, ...(hint === undefined ? [] : [hint])].join(
      " — ",
    ),
  );
}

describe("references that the scope knows", () => {
  test.each<[string, unknown]>([
    ["image.path", "linux.img"],
    ['image["path"]', "linux.img"],
    ['image["a b"]', true],
    ["image.sizes[1]", 20.5],
    ["image.sizes.0", 10],
    ['"${image.sizes}"', [10, 20.5]],
    ['"${var.count}"', 3],
    ['"n=${var.count} ${image.sizes[1]}"', "n=3 20.5"],
    ["image.sizes[image.index]", undefined],
  ])("%s", (text, expected) => {
    const { value, failed } = evaluate(parseExpression(text), scope);
    expect(failed ? undefined : toPlain(value)).toEqual(expected);
  });

  test("take the place of the reference", () => {
    const { value } = evaluate(parseExpression("image.path"), scope);
    expect(value.span).toMatchObject({ file: "x.hcl", start: { column: 5 }, end: { column: 15 } });
  });

  test.each<[string, string]>([
    ["image.pth", 'error 5-14 "image" has no "pth" — did you mean "path"?'],
    ["image.other.more", 'error 5-21 "image" has no "other"'],
    ["image.path.more", 'error 5-20 "image.path" is text and has no parts'],
    ["image.empty.more", 'error 5-21 "image.empty" is null and has no parts'],
    ["image.sizes[2]", 'error 5-19 "image.sizes" has 2 items and none at 2'],
    ["image.sizes[0.5]", 'error 5-21 "image.sizes" has 2 items and none at 0.5'],
    [
      "image.sizes.first",
      'error 5-22 "image.sizes" is a list and has no "first" — [0].first is that of the first item, [*].first that of each',
    ],
    ["image[true]", 'error 5-16 "image" has no "true"'],
    ["image.sizes[image.index]", 'error 17-28 "image" has no "index"'],
    ['"x${image.sizes}"', "error 7-21 a list cannot be put into text"],
    ['"x${image.empty}"', "error 7-21 null cannot be put into text"],
    ['"x${image.pth}"', 'error 9-18 "image" has no "pth" — did you mean "path"?'],
    ["var.cuont", 'error 5-14 "var" has no "cuont" — did you mean "count"?'],
  ])("%s is told", (text, message) => {
    const result = evaluate(parseExpression(text), scope);
    expect(tell(result)).toEqual([message]);
    expect(result.failed).toBe(true);
  });
});

describe("references that it does not know", () => {
  test.each<[string, string]>([
    ['"${attr.kernel.name}"', "${attr.kernel.name}"],
    ['"a ${ attr.x } b"', "a ${ attr.x } b"],
    ["meta.mytest", "${meta.mytest}"],
    ["meta . mytest", "${meta . mytest}"],
    ['"${env["X"]}"', '${env["X"]}'],
    ['"${(attr.x)}"', "${attr.x}"],
    ['" ${~ attr.x ~} y"', "${attr.x}y"],
    ['"${ attr.x ~} "', "${ attr.x}"],
    ['"${"${ attr.x }"}"', "${ attr.x }"],
    ['"$${attr.x}"', "${attr.x}"],
  ])("%s stays as %p", (text, expected) => {
    expect(evaluate(parseExpression(text), NOTHING_KNOWN)).toMatchObject({
      value: { kind: "string", value: expected },
      failed: false,
    });
  });

  test.each<[string, string]>([
    ["var.image", 'error 5-14 no variables are known here: "var.image"'],
    ['"x ${local.image[0]}"', 'error 10-24 no locals are known here: "local.image[0]"'],
    ["var", 'error 5-8 no variables are known here: "var"'],
  ])("%s is refused", (text, message) => {
    const result = evaluate(parseExpression(text), NOTHING_KNOWN);
    expect(tell(result)).toEqual([message]);
    expect(result.failed).toBe(true);
  });
});

describe("values", () => {
  test("numbers have all their digits as text", () => {
    expect(evaluate(parseExpression("-1.50e1"), NOTHING_KNOWN).value).toMatchObject({
      kind: "number",
      value: -15,
      text: "-15",
    });
  });

  test("a template of one interpolation keeps the kind of its value, and the place of the template", () => {
    const { value } = evaluate(parseExpression('"${22}"'), NOTHING_KNOWN);
    expect(value).toMatchObject({ kind: "number", value: 22, span: { start: { column: 5 }, end: { column: 12 } } });
  });

  test("strings are in normal form C", () => {
    expect(evaluate(parseExpression('"e\u0301"'), NOTHING_KNOWN).value).toMatchObject({ value: "\u00e9" });
  });

  test("of a key that stands twice the last one counts, with a warning", () => {
    const result = evaluate(parseExpression('{ a = 1, "a" = 2, ("a") = 3 }'), NOTHING_KNOWN);
    expect(toPlain(result.value)).toEqual({ a: 3 });
    expect(result.failed).toBe(false);
    const text = 'key "a" stands twice in this object and the last one counts; first on line 1, column';
    expect(tell(result)).toEqual([`warning 14-17 ${text} 7`, `warning 24-27 ${text} 7`]);
  });

  test("a key is text, and numbers and booleans become text", () => {
    expect(toPlain(evaluate(parseExpression("{ 1.0 = 1, true = 2 }"), NOTHING_KNOWN).value)).toEqual({
      "1": 1,
      true: 2,
    });
    const refused = evaluate(parseExpression("{ (null) = 1, ([]) = 2 }"), NOTHING_KNOWN);
    expect(refused.failed).toBe(true);
    expect(tell(refused)).toEqual(["error 8-12 a key is text, not null", "error 20-22 a key is text, not a list"]);
  });

  test("what the parser refused is failed without another word, and the rest is judged", () => {
    const result = evaluate(parseExpression('[upper("x"), "a ${upper("x")}", var.a, "b ${[]}"]'), NOTHING_KNOWN);
    expect(result.failed).toBe(true);
    expect(tell(result)).toEqual([
      'error 37-42 no variables are known here: "var.a"',
      "error 47-52 a list cannot be put into text",
    ]);
  });

  test("null in text is told although something else failed before", () => {
    const result = evaluate(parseExpression('[var.a, "b ${null}", { (null) = 1 }]'), NOTHING_KNOWN);
    expect(tell(result)).toEqual([
      'error 6-11 no variables are known here: "var.a"',
      "error 16-23 null cannot be put into text",
      "error 29-33 a key is text, not null",
    ]);
  });
});
