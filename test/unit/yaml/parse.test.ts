import { expect, test } from "bun:test";
import { YamlFault } from "../../../src/yaml/fault.ts";
import { parseYaml, type YamlNode } from "../../../src/yaml/parse.ts";

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
  ['"a\\\n  b\n\n  c\\t\\u00e9"', '"ab\\nc\\té"'],
  ["'it''s\n  so'", '"it\'s so"'],
  ["a # b\n", "a"],
  ["--- # c\n", "∅"],
])("%j is read as %s", (text, shown) => {
  expect(show(parseYaml(text, 20))).toBe(shown);
});

test.each([
  ["", 1, 1, "there is no value in it"],
  ["a: b: c", 1, 5, "a value cannot stand here"],
  ["a:\n\tb: c", 2, 1, "nothing can begin with this character"],
  ["- a\nb", 2, 1, "expected a colon behind a key"],
  ["- a\nb: c", 2, 1, "expected the next item of the list, behind a -"],
  ["[a", 2, 1, "expected a , or the end of the list"],
  ['"a', 1, 1, "the quotes are not closed"],
  ["a\n---\nb", 2, 1, "expected the end of the only document"],
  ["a: @b", 1, 4, "nothing can begin with this character"],
  ["é: \u0000", 1, 4, "it holds a control character"],
  ["!x!a b", 1, 1, "this tag's handle was not declared"],
  ["%YAML 1.2\n---\na", 1, 1, "expected %YAML 1.1, once"],
  [`a: ${"[".repeat(30)}`, 1, 24, "it is nested too deep"],
])("%j is refused at line %d, column %d: %s", (text, line, column, message) => {
  try {
    parseYaml(text, 20);
    throw new Error("it was read");
  } catch (error) {
    expect(error).toBeInstanceOf(YamlFault);
    expect(error).toMatchObject({ line, column, message });
  }
});
