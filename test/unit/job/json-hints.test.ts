import { expect, test } from "bun:test";
import { loadJob } from "../../../src/job/load.ts";

/** What is hinted at for a group of a file in HCL's JSON syntax. */
function hints(group: object, rest: object = {}): (string | undefined)[] {
  const variables = { flags: [{ name: "given", text: "1", by: "-var" }] };
  const text = JSON.stringify({ variable: { given: {} }, ...rest, job: { j: { group: { g: group } } } });
  return loadJob("x.json", text, { variables }).diagnostics.map(({ hint }) => hint);
}

test.each<[string, object, string]>([
  ["a block without labels", { restart: "x" }, 'write "restart": { … }'],
  ["a block with a label", { task: "x" }, 'write "task": { "name": { … } }'],
  ["a block in a block", { network: { port: "http" } }, 'write "port": { "label": { … } }'],
  ["a variable", { count: "${var.other}" }, 'declare it: "variable": { "other": { … } }'],
  ["a local", { count: "${local.other}" }, 'set it: "locals": { "other": … }'],
  [
    "what a dynamic block makes",
    { dynamic: { constraint: { for_each: [1], contnt: {} } } },
    'what the blocks hold stands in "content": { … }; known here: for_each, iterator, labels, content',
  ],
])("a hint in a JSON file has the JSON form of %s", (_, group, hint) => {
  expect(hints(group)).toContain(hint);
});

test("a variable that is given and not declared is to be declared in the file's syntax", () => {
  expect(hints({}, { variable: {} })).toContain('declare it: "variable": { "given": { … } }');
  const variables = { flags: [{ name: "given", text: "1", by: "-var" }] };
  const { diagnostics } = loadJob("x.hcl", 'job "j" {}\n', { variables });
  expect(diagnostics.map(({ hint }) => hint)).toContain('declare it: variable "given" { … }');
});
