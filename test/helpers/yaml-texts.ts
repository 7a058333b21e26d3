import fc from "fast-check";

/*
 * Texts that are YAML or nearly so. A tree says what stands where, and another value how it is written, so that a text that is read
 * wrongly is made smaller part by part.
 */

type Tree =
  | { readonly kind: "scalar"; readonly text: string }
  | { readonly kind: "lines"; readonly header: string; readonly lines: readonly string[] }
  | { readonly kind: "list"; readonly items: readonly Tree[] }
  | { readonly kind: "brackets"; readonly items: readonly Tree[]; readonly between: Between }
  | { readonly kind: "map"; readonly entries: readonly (readonly [string, Tree])[] }
  | { readonly kind: "braces"; readonly entries: readonly (readonly [string, Tree])[]; readonly between: Between }
  | { readonly kind: "with"; readonly mark: string; readonly of: Tree };

/** What stands behind an opening bracket, behind a comma and before a closing bracket. */
type Between = readonly [open: string, comma: string, close: string];

const BETWEEN: readonly Between[] = [
  ...[["", " ", ""] as const, ["", " ", ""] as const, [" ", "", " "] as const, ["\n", "\n", "\n"] as const],
  ...[["\n  ", "\n  ", "\n"] as const, ["\n      ", "\n      ", "\n    "] as const, ["", "\n", ""] as const],
  ...[["\n\t", "\n\t", "\n"] as const, [" # c\n ", " # d\n ", "\n # e\n"] as const, ["", " ", ", "] as const],
];

const WORDS = [
  ...["a", "b c", "yes", "No", "on", "y", "TRUE", "~", "null", "Null", "", "<<", "nope", "Off", "tRUE"],
  ...["0", "1", "-1", "+5", "017", "0o17", "0o8", "0x1F", "-0x1F", "0b11", "1_000", "1.5", ".5", "5.", "1e3", "1.e+3"],
  ...["12345678901234567890", "0xFFFFFFFFFFFFFFFF", ".inf", "-.INF", ".nan", "1:30", "0.1", "-0", "1e-3", "+.5", "."],
  ...["2001-12-14", "2001-1-4", "2001-13-01", "2001-02-30", "2001-12-14 21:59:43.10", "2001-12-14T21:59:43.10-05:00"],
  ...["2001-12-14t1:2:3Z", "2001-12-14T21:59:43+00:00", "2001-12-14 21:59:43 -5", "2001-12-14T24:00:00Z", "20010-1-1"],
  ...[
    "- a",
    "a: b",
    "a:b",
    "a #b",
    "a#b",
    "#",
    "[a",
    "a]",
    "a, b",
    "{",
    "?",
    "? a",
    ":",
    ":a",
    "-",
    "-a",
    "--- a",
    "...",
  ],
  ...["*a", "&a", "!a", "%a", "@a", "`a", "|", ">", "é👍", "a\tb", "\ta", "http://x/y?z=1", "a:\tb", "=", "a\u2028b"],
  ...[
    "''",
    "'a'",
    "'it''s'",
    "'a\n  b'",
    "'{\n  a: b\n}'",
    '"a\nb"',
    "'yes'",
    "'5'",
    '""',
    '"a\\n\\tb"',
    '"\\x41\\u00e9\\U0001F44D"',
    '"a\\\n  b"',
  ],
  ...['"a\n\n  b"', '"\\/"', '"\\q"', '"a', "'a", '"5" b', "'a'b", '"\\ud800"', '"a \n b"', '"\\N\\_\\L\\P\\e\\0"'],
];
const MARKS = [
  ...[
    "&a",
    "&b",
    "!!str",
    "!!int",
    "!!float",
    "!!bool",
    "!!null",
    "!!binary",
    "!!timestamp",
    "!!map",
    "!!seq",
    "!!merge",
  ],
  ...["!", "!x", "!<tag:yaml.org,2002:str>", "!!str &a", "&a !!int", "!e!x", "&a &b"],
];
const HEADERS = ["|", ">", "|-", ">-", "|+", ">+", "|2", ">1-", "|+1", "|0", "| # c", ">x", "|9"];
const LINES = ["a", "b c", "", " d", "  e", "\tf", "- g", "# h", "5", "yes", "~", " ", "   "];
const KEYS = [
  ...["a", "b", "c", "<<", "yes", "1", "1.0", "0x10", "~", '"a"', "'b'", "? a", "[a]", "*a", "!!str 1", ""],
];

const trees = fc.letrec<{ tree: Tree; flow: Tree }>((tie) => {
  const scalar = fc.constantFrom(...WORDS).map((text): Tree => ({ kind: "scalar", text }));
  const key = fc.constantFrom(...KEYS);
  const some = { maxLength: 3 };
  return {
    tree: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      { weight: 3, arbitrary: scalar },
      { weight: 1, arbitrary: tie("flow") },
      {
        weight: 1,
        arbitrary: fc
          .tuple(fc.constantFrom(...HEADERS), fc.array(fc.constantFrom(...LINES), { maxLength: 4 }))
          .map(([header, lines]): Tree => ({ kind: "lines", header, lines })),
      },
      { weight: 2, arbitrary: fc.array(tie("tree"), some).map((items): Tree => ({ kind: "list", items })) },
      {
        weight: 3,
        arbitrary: fc.array(fc.tuple(key, tie("tree")), some).map((entries): Tree => ({ kind: "map", entries })),
      },
      {
        weight: 1,
        arbitrary: fc
          .tuple(fc.constantFrom(...MARKS), tie("tree"))
          .map(([mark, of]): Tree => ({ kind: "with", mark, of })),
      },
    ),
    flow: fc.oneof(
      { maxDepth: 3, withCrossShrink: true },
      scalar,
      fc
        .tuple(fc.array(tie("flow"), some), fc.constantFrom(...BETWEEN))
        .map(([items, between]): Tree => ({ kind: "brackets", items, between })),
      fc
        .tuple(fc.array(fc.tuple(key, tie("flow")), some), fc.constantFrom(...BETWEEN))
        .map(([entries, between]): Tree => ({ kind: "braces", entries, between })),
    ),
  };
});

function join(parts: readonly string[], [open, comma, close]: Between): string {
  return parts.length === 0 ? "" : `${open}${parts.join(`,${comma}`)}${close}`;
}

function write(tree: Tree, indent: number, step: number): string {
  const pad = " ".repeat(indent);
  switch (tree.kind) {
    case "scalar":
      return tree.text;
    case "lines":
      return [tree.header, ...tree.lines.map((line) => pad + line)].join("\n");
    case "brackets":
      return `[${join(
        tree.items.map((item) => write(item, indent, step)),
        tree.between,
      )}]`;
    case "braces":
      return `{${join(
        tree.entries.map(([key, value]) => `${key}: ${write(value, indent, step)}`),
        tree.between,
      )}}`;
    case "with":
      return `${tree.mark} ${write(tree.of, indent, step)}`;
    case "list":
      return tree.items.map((item) => `\n${pad}- ${write(item, indent + step, step).trimStart()}`).join("");
    case "map":
      return tree.entries.map(([key, value]) => `\n${pad}${key}: ${write(value, indent + step, step)}`).join("");
  }
}

const FRAMES = [
  "@",
  "@\n",
  "--- @",
  "---\n@\n...\n",
  "%YAML 1.1\n---\n@",
  "%TAG !e! tag:yaml.org,2002:\n--- @",
  "# c\n@ # d",
  "@\n---\n",
];

const documents = fc
  .tuple(trees.tree, fc.integer({ min: 0, max: 3 }), fc.constantFrom(...FRAMES))
  .map(([tree, step, frame]) => frame.replace("@", () => write(tree, 0, step).replace(/^\n/, "")));

const PIECES = [
  ...[
    "a",
    "b",
    "1",
    " ",
    " ",
    "\n",
    "\n",
    "  ",
    "\t",
    ":",
    ": ",
    "- ",
    "-",
    "? ",
    ",",
    ", ",
    "[",
    "]",
    "{",
    "}",
    "#",
    " #",
  ],
  ...[
    "&a ",
    "*a",
    "!",
    "!!str ",
    "|",
    ">",
    "'",
    '"',
    "\\",
    "%",
    "@",
    "---",
    "...",
    "<<: ",
    "\r\n",
    "\u0085",
    "\u2028",
    "\ufeff",
    "yes",
  ],
];
const soup = fc.array(fc.constantFrom(...PIECES), { maxLength: 12 }).map((pieces) => pieces.join(""));

/** Documents that are mostly right, and some that are only signs in any order. */
export const yamlTexts: fc.Arbitrary<string> = fc.oneof(
  { weight: 2, arbitrary: documents },
  { weight: 1, arbitrary: soup },
);

/** A text in quotes as HCL takes it. */
export function quoteHcl(text: string): string {
  return JSON.stringify(text)
    .replaceAll("\\b", "\\u0008")
    .replaceAll("\\f", "\\u000c")
    .replaceAll("${", "$${")
    .replaceAll("%{", "%%{");
}
