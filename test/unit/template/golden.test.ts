import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createRenderer, type Rendered } from "../../../src/template/template.ts";

const GOLDEN = join(import.meta.dirname, "../../golden/template");
const ERRORS = join(GOLDEN, "errors.txt");

const ENV = {
  ...{ A: "va", EMPTY: "", NOMAD_TASK_NAME: "vm", NOMAD_ALLOC_INDEX: "0", NOMAD_JOB_NAME: "web" },
  KEYS: "ssh-ed25519 AAAA one@host; ssh-ed25519 BBBB two@host",
};

const rendered = (text: string, errorOnMissingKey = false): Rendered =>
  createRenderer(ENV)({ text, left: "{{", right: "}}", errorOnMissingKey });

/** What consul-template 0.41.4 made of the templates, with this environment, stands beside them. */
describe.each(readdirSync(GOLDEN).filter((name) => name.endsWith(".tmpl")))("%s", (name) => {
  test("comes to what consul-template makes of it", () => {
    const read = (file: string): string => readFileSync(join(GOLDEN, file), "utf8");
    expect(rendered(read(name))).toEqual({ ok: true, text: read(name.replace(/tmpl$/, "txt")) });
  });
});

/** `UPDATE_GOLDEN=1` writes what is told now. */
test("what cannot be read or rendered is told as errors.txt has it", () => {
  const cases = readFileSync(ERRORS, "utf8")
    .split("\n\n")
    .map((part) => part.split("\n").filter((line) => !line.startsWith("  ")));
  expect(cases.length).toBeGreaterThan(60);
  const told = cases.map((lines) => {
    const result = rendered(lines.join("\n"));
    if (result.ok) throw new Error(`this is no error: ${lines.join("\n")}`);
    const problems = result.problems.map(({ line, message, hint }) => {
      return `  line ${line}: ${message}${hint === undefined ? "" : `\n    ${hint}`}`;
    });
    return [...lines, ...problems].join("\n");
  });
  const found = `${told.join("\n\n")}`;
  if (process.env["UPDATE_GOLDEN"] === "1") writeFileSync(ERRORS, found);
  expect(found).toBe(readFileSync(ERRORS, "utf8"));
});

test("a key that is missing is an error where the template says so, and only there", () => {
  const text = '{{ (parseJSON "{}").name }}';
  expect(rendered(text)).toEqual({ ok: true, text: "<no value>" });
  expect(rendered(text, true)).toEqual({
    ok: false,
    problems: [{ line: 1, message: "a map has no key name", hint: undefined }],
  });
  expect(rendered("{{ .name }}", true)).toMatchObject({ ok: false });
});

test("the environment's own names are not those of its kind", () => {
  expect(
    rendered('{{ env "constructor" }}{{ env "__proto__" }}{{ (parseJSON `{"__proto__":1}`).constructor }}'),
  ).toEqual({
    ok: true,
    text: "<no value>",
  });
});

describe("delimiters", () => {
  const cases: readonly (readonly [text: string, left: string, right: string, made: string])[] = [
    ["a <% print 1 %> {{ print 2 }}", "<%", "%>", "a 1 {{ print 2 }}"],
    ["<1><- 2 -> <3>", "<", ">", "123"],
    ['"1" b', '"', '"', "1 b"],
    ["-1- b", "-", "-", "1 b"],
    ["x1x", "x", "x", "1"],
    ["\n1\n", "\n", "\n", "1"],
  ];
  test.each(cases)("%j with %j and %j", (text, left, right, made) => {
    expect(createRenderer({})({ text, left, right, errorOnMissingKey: false })).toEqual({ ok: true, text: made });
  });
});
