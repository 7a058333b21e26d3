import { randomFrom } from "./random.ts";

/** A regular expression of Go's syntax, a text, and what matches become. */
export interface PatternCase {
  readonly pattern: string;
  readonly subject: string;
  readonly template: string;
}

const ATOMS = [
  ...[
    "a",
    "b",
    "ab",
    "c",
    ".",
    "^",
    "$",
    "\\b",
    "\\B",
    "[ab]",
    "[^a]",
    "[a-c]",
    "\\d",
    "\\w",
    "\\s",
    "\\S",
    "\\D",
    "\\W",
  ],
  ...[
    "(?:a|b)",
    "é",
    "[[:alpha:]]",
    "[[:^digit:]]",
    "\\pL",
    "\\p{Greek}",
    "\\PL",
    "[é-ü]",
    "\\x41",
    "\\n",
    "\\.",
    "\\Qa.b\\E",
  ],
  ...[
    "\\A",
    "\\z",
    "(?i)",
    "(?i:A)",
    "(?s:.)",
    "(?m:^)",
    "(?m:$)",
    "(?U)",
    "1",
    "-",
    "[a-]",
    "[]a]",
    "[^]a]",
    "{",
    "a{",
    "}",
  ],
  ...["k", "[k]", "(?i:k)", "(?i:[k-m])", "(?i:ß)", "😀", "(?P<n>a)", "(?<m>b)", "\\07", "\\x{1F600}"],
];
/** What RE2 does not know, or is wrong in it. */
const WRONG = [
  "\\1",
  "(?=a)",
  "\\Z",
  "\\C",
  "[z-a]",
  "[[:foo:]]",
  "\\p{Foo}",
  "\\e",
  "(",
  ")",
  "[",
  "a**",
  "a{1001}",
  "*",
  "(?z)",
];
const TIMES = ["", "", "", "", "*", "+", "?", "*?", "+?", "??", "{2}", "{1,2}", "{0,}", "{,2}"];
const SUBJECTS = [
  ...["", "a", "ab", "aab", "abab", "abcabc", "a b\nc", "é", "xéy", "ABC", "aa11", "a.b", "k\u212a", "ſs", "😀a😀"],
  ...["αβ", "-]", "{", "\n\n", "a1b2"],
];
const TEMPLATES = ["x", "$0", "[$1]", "${1}y", "$$", "$n", "<$1x>", "$", ""];

/** Makes regular expressions of all constructs, some of them wrong. */
export function makePatterns(seed: number, count: number): PatternCase[] {
  const random = randomFrom(seed);
  const pick = (choices: readonly string[]): string => choices[Math.floor(random() * choices.length)] ?? "";
  const make = (depth: number): string => {
    const parts = Array.from({ length: 1 + Math.floor(random() * 3) }, () => {
      const choice = random();
      if (choice < 0.01) return pick(WRONG);
      if (depth === 0 || choice > 0.5) return pick(ATOMS) + pick(TIMES);
      const inner = choice < 0.35 ? make(depth - 1) : `${choice < 0.4 ? "" : make(depth - 1)}|${make(depth - 1)}`;
      return `(${inner})${pick(TIMES)}`;
    });
    return parts.join("") + (random() < 0.2 ? `|${pick(ATOMS)}` : "");
  };
  return Array.from({ length: count }, () => ({
    pattern: make(2),
    subject: pick(SUBJECTS) + pick(SUBJECTS),
    template: pick(TEMPLATES),
  }));
}
