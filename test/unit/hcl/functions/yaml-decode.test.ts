import { describe, expect, test } from "bun:test";
import { Budget, Exhausted } from "../../../../src/hcl/budget.ts";
import { CallProblem } from "../../../../src/hcl/functions/function.ts";
import { encodeJson } from "../../../../src/hcl/functions/json.ts";
import { decodeYaml } from "../../../../src/hcl/functions/yaml-decode.ts";

const decode = (text: string): unknown => JSON.parse(encodeJson(decodeYaml(text, new Budget()), new Budget()));

test.each<[string, unknown]>([
  ["[y, Yes, TRUE, on, n, No, false, OFF]", [true, true, true, true, false, false, false, false]],
  ["[\"yes\", '5', !!str 5, !!str yes]", ["yes", "5", "5", "yes"]],
  ["[~, null, , NULL]", null],
  ["[1, +5, 017, 0o17, 0x1F, 1e3, .5, 5., -0x1F]", [1, 5, 17, 15, 31, 1000, 0.5, 5, "-0x1F"]],
  ["[1_000, !!int 1_000, !!int 0b11, 1:30, 0o8]", ["1_000", 1000, 3, "1:30", "0o8"]],
  [
    "[2001-1-4, 2001-12-14t21:59:43.1-05:00, 2001-02-30]",
    ["2001-01-04T00:00:00Z", "2001-12-14T21:59:43-05:00", "2001-02-30"],
  ],
  ["yes: a\n1.0: b\n0x10: c", { true: "a", "1": "b", "16": "c" }],
  ["a: &x {k: 1, l: 2}\nb:\n  k: 3\n  <<: *x\n  l: 4", { a: { k: 1, l: 2 }, b: { k: 1, l: 4 } }],
  ["<<: [{a: 1, b: 1}, {a: 2}]", { a: 2, b: 1 }],
  ["|-\n 0x1F", "31"],
  ["a: 1\na: 2", { a: 2 }],
  ["- &a x\n- &a z\n- *a", ["x", "z", "z"]],
])("%j comes to %j", (text, value) => {
  if (value === null) expect(() => decode(text)).toThrow(CallProblem);
  else expect(decode(text)).toEqual(value);
});

describe("what is no value of HCL is refused with its place and nothing of its text:", () => {
  test.each([
    ["a: *x", "line 1, column 4: there is no such anchor before this"],
    ["&a [*a]", "line 1, column 5: an anchor cannot be a part of itself"],
    ["~: 1", "line 1, column 1: a key cannot be null"],
    ["[a]: 1", "line 1, column 1: a key must be text"],
    ["<<: [1]", "line 1, column 5: only maps can be merged into one"],
    ["a: .inf", "line 1, column 4: no attribute of a job can be infinite"],
    ["a: .nan", "line 1, column 4: this is no number"],
    ["!secret a", "line 1, column 9: this tag is not known"],
    ["!!int a", "line 1, column 7: this is no number"],
    ["!!binary a", "line 1, column 10: this is not valid base64"],
    ["!!seq {}", "line 1, column 7: a map cannot be of this tag"],
    ["!!map []", "line 1, column 7: a list cannot be of this tag"],
  ])("%s", (text, message) => {
    expect(() => decode(text)).toThrow(`this is no YAML: ${message}`);
  });
});

test("aliases of aliases and merges of merges end with an error, and not with the memory", () => {
  const lists = Array.from({ length: 12 }, (_, at) => `a${at}: &a${at} [${`*a${at - 1},`.repeat(10)}]`);
  const laughs = ["a: &a-1 x", ...lists].join("\n").replaceAll("*a-1", "x");
  expect(() => decode(laughs)).toThrow(Exhausted);
  const maps = Array.from({ length: 5000 }, (_, at) => `a${at}: &a${at} {<<: *a${at - 1}, k${at}: 1}`);
  expect(() => decode(["a: &a-1 {}", ...maps].join("\n").replaceAll("*a-1", "{}"))).toThrow(Exhausted);
  expect(() => decode(`${"[".repeat(100_000)}`)).toThrow("nested too deep");
});
