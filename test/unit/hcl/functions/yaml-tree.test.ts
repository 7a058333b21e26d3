import { expect, test } from "bun:test";
import fc from "fast-check";
import { YamlFault, type YamlNode } from "../../../../src/hcl/functions/yaml-node.ts";
import { parseYaml } from "../../../../src/hcl/functions/yaml-tree.ts";
import { yamlTexts } from "../../../helpers/yaml-texts.ts";

/** A document as text: scalars in quotes that were written so, lists in brackets, maps in braces, tags and anchors before them. */
function show(node: YamlNode): string {
  const marks = `${node.anchor && `&${node.anchor} `}${node.tag && `<${node.tag}> `}`;
  switch (node.kind) {
    case "alias":
      return `*${node.name}`;
    case "scalar":
      return `${marks}${node.style === "plain" ? node.text || "∅" : JSON.stringify(node.text)}`;
    case "list":
      return `${marks}[${node.items.map(show).join(" ")}]`;
    case "map":
      return `${marks}{${node.entries.map(([key, value]) => `${show(key)}: ${show(value)}`).join(", ")}}`;
  }
}

test.each([
  ["a: 1\nb:\n- x\n- y\nc:\n  - - z\n", "{a: 1, b: [x y], c: [[z]]}"],
  ["[a, {b: c, d}, e: f, ? g]", "[a {b: c, d: ∅} {e: f} {g: ∅}]"],
  ["? a\n  b\n: c", "{a b: c}"],
  ["- &x !!str 5\n- *x\n- ! y", "[&x <tag:yaml.org,2002:str> 5 *x <!> y]"],
  ["%TAG !e! tag:example.org:\n--- !e!a [b]\n...", "<tag:example.org:a> [b]"],
  ["|2-\n   a\n\n  b\n\n", '" a\\n\\nb"'],
  [">+\n  a\n  b\n\n   c\n  d\n\n", '"a b\\n\\n c\\nd\\n\\n"'],
  ["a: |\n  b\n   ", '{a: "b\\n "}'],
  ["a: |\n  b", '{a: "b"}'],
  ["a: |\n  b\n ", '{a: "b\\n"}'],
  ['a: |\n"b": c', '{a: "", "b": c}'],
  ['"a\\\n  b\n\n  c\\t\\u00e9"', '"ab\\nc\\té"'],
  ["'it''s\n  so'", '"it\'s so"'],
  ["a # b\n", "a"],
  ['"a"# b\n', '"a"'],
  ["--- # c\n", "∅"],
  ["---\na\n...\n...\n", "a"],
  ["a: 1\r\nb: |\r\n  c\r\n", '{a: 1, b: "c\\n"}'],
])("%j is read as %s", (text, shown) => {
  expect(show(parseYaml(text, 20))).toBe(shown);
});

test.each([
  ["a:\n  b: [{\n  c: 1\n}, {\n\td: 2\n}]\ne: f", "{a: {b: [{c: 1} {d: 2}]}, e: f}"],
  ["- a: {\nb: [\n1\n]}\n- c", "[{a: {b: [1]}} c]"],
  ["a: '{\n  b\n}'\nc: d", '{a: "{ b }", c: d}'],
  ['- - "a\nb"\n  - c', '[["a b" c]]'],
])("what stands in brackets and quotes may be indented less than what it is a part of: %j", (text, shown) => {
  expect(show(parseYaml(text, 20))).toBe(shown);
});

test.each([
  ["", 1, 1, "there is no value in it"],
  ["...", 1, 1, "there is no value in it"],
  ["a: b: c", 1, 4, "a value cannot stand here"],
  ["a:\n\tb: c", 2, 1, "a tab cannot indent anything"],
  ["- a\nb", 2, 1, "this cannot stand here"],
  ["[a", 1, 3, "the brackets are not closed"],
  ["[a b\n c: d]", 1, 2, "a key and its colon must stand on one line"],
  [`{${"k".repeat(1025)}: 1}`, 1, 2, "a key is longer than 1024 characters"],
  ["? 'a' 'b'\n: c", 1, 7, "expected a , or : before this"],
  ['x:\n  - "a\n', 2, 5, "the quotes are not closed"],
  ['"a\\"', 1, 1, "the quotes are not closed"],
  ["'a''", 1, 1, "the quotes are not closed"],
  ['"\\/"', 1, 1, "what stands behind a backslash is not known"],
  ['"\\ud83d\\udc4d"', 1, 1, "what stands behind a backslash is not known"],
  ['"\\q"', 1, 2, "what stands behind a backslash is not known"],
  ["a\n---\nb", 2, 1, "expected the end of the only document"],
  ["a: @b", 1, 4, "nothing can begin with this character"],
  ["é: \u0000", 1, 4, "this character cannot stand in YAML"],
  ["a:\n- \u2028", 2, 3, "this character cannot stand in YAML"],
  ["!x!a b", 1, 1, "this tag is not known"],
  ["&a.b c", 1, 6, "the name of an anchor consists of letters, digits, _ and -"],
  ["%YAML 1.2\n---\na", 1, 1, "expected %YAML 1.1"],
  ["%FOO\n---\na", 1, 1, "this directive is not known"],
  ["|\na", 1, 1, "the text is not indented"],
  [`a: ${"[".repeat(30)}`, 1, 24, "it is nested too deep"],
])("%j is refused at line %d, column %d: %s", (text, line, column, message) => {
  try {
    parseYaml(text, 20);
  } catch (error) {
    expect(error).toBeInstanceOf(YamlFault);
    expect(error).toMatchObject({ line, column, message });
    return;
  }
  throw new Error("it was read");
});

test("no message shows anything of the text", () => {
  const secrets = yamlTexts.map((text) => `k: ${text.replaceAll(/[ab]/g, "hunter2")}`);
  let refused = 0;
  fc.assert(
    fc.property(secrets, (text) => {
      try {
        parseYaml(text, 20);
      } catch (error) {
        refused += 1;
        expect(error).toBeInstanceOf(YamlFault);
        expect((error as YamlFault).message).not.toContain("hunter2");
      }
    }),
    { seed: 1, numRuns: 2000 },
  );
  expect(refused).toBeGreaterThan(200);
});

const LARGE = 20_000;
const fill = (part: string): string => part.repeat(Math.ceil(LARGE / part.length));

test.each([
  ...[
    "[",
    "{",
    "- ",
    "? ",
    ": ",
    "%",
    "%\n",
    "\t",
    "a:\t",
    "]",
    "'",
    '"',
    "\\",
    "&a ",
    "!",
    "*",
    "\n",
    "---\n",
    "[a] ",
  ],
  ...["- &a [*a,*a]\n", "- 'a\n", "- |\n", "- a\n\n", "k: {\n", "a:\n- b\n", "# c\n", "a: b\n "],
])("much of %j is read or refused", (part) => {
  for (const text of [fill(part), `a: ${fill(part)}`, `[${fill(part)}]`]) {
    try {
      parseYaml(text, 300);
    } catch (error) {
      expect(error).toBeInstanceOf(YamlFault);
    }
  }
});

test("keys of keys of keys are refused by the first that is too long", () => {
  const text = `${"[".repeat(290)}${fill("1,")}]${": 1]".repeat(289)}`;
  expect(() => parseYaml(text, 300)).toThrow("a key is longer than 1024 characters");
});

test("a map of many keys is read", () => {
  const text = Array.from({ length: 100_000 }, (_, at) => `${at}:`).join("\n");
  const node = parseYaml(text, 300);
  expect(node.kind === "map" && node.entries.length).toBe(100_000);
});
