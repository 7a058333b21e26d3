import { expect, test } from "bun:test";
import { parseHcl } from "../../../../src/hcl/parser.ts";
import { evaluate, toPlain } from "../golden.ts";

/** What an expression comes to, or what is told of it. */
function look(text: string): unknown {
  const { body, diagnostics } = parseHcl("x.hcl", `a = ${text}\n`);
  const [attribute] = body.attributes;
  if (attribute === undefined || diagnostics.length > 0) throw new Error(`no expression: ${text}`);
  const { value, diagnostics: told, failed } = evaluate(attribute.value);
  return failed ? told.map(({ message }) => message).join("; ") : toPlain(value);
}

test.each<[string, unknown]>([
  ['cidrhost("::ffff:10.0.0.0/120", 1)', "10.0.0.1"],
  ['cidrsubnets("10.0.0.0/24", 1, 1)', ["10.0.0.0/25", "10.0.0.128/25"]],
  ['csvdecode("a,b\\r\\n1,\\"2\\r\\n3\\"\\r\\n")', [{ a: "1", b: "2\n3" }]],
  ['format("[%.0d] [%.0d]", 0, 1)', "[] [1]"],
  ['format("%.10g %.3g %.2g", 100000, 12.5, 125)', "100000 12.5 1.2e+02"],
  ["chunklist([1, 2], 0)", [[1, 2]]],
  ['jsonencode(lookup(convert({ a = 1 }, map(string)), "b", 5))', '"5"'],
  ['substr("abc", 1, 0)', ""],
  ['substr("abc", -2, 0)', "bc"],
  [`yamlencode("${"x".repeat(90)} ")`, `"${"x".repeat(90)} "\n`],
  ['jsonencode(setproduct(["a", "b"], [1], [true, false]))', '[["a",1,true],["a",1,false],["b",1,true],["b",1,false]]'],
  ['setproduct(["a"], [])', []],
  ["null[*]", []],
  ['element(["a", "b", "c"], 9007199254740993)', "a"],
])("%s", (text, expected) => {
  expect(look(text)).toEqual(expected);
});

test.each([
  ['substr("a", 1e30, 1)', 'argument "offset" of "substr": the number is too large or too small'],
  ['formatdate("YYYY", "2026-02-30T00:00:00Z")', 'argument "time" of "formatdate": there is no such moment'],
  ['parseint("2", 2)', 'argument "number" of "parseint": this is no whole number of base 2'],
  ['cidrsubnets("10.0.0.0/24", 1, 1, 1)', 'argument "newbits" of "cidrsubnets": there is no room left in the block'],
  ["can([1, 2]...)", '"can" takes no "..." here'],
  ["convert([1]...)", '"convert" takes no "..." here'],
  ["(true ? null : [1])[*]", "a splat goes through a list, not null"],
])("%s is told", (text, message) => {
  expect(look(text)).toBe(message);
});
