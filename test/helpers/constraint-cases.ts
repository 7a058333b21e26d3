import type fc from "fast-check";
import { chosen } from "./generated.ts";
import type { ReferenceCase } from "./version-reference.ts";

type Below = (limit: number) => number;

interface Source {
  readonly below: Below;
  pick<T>(items: readonly [T, ...T[]]): T;
  /** What `make` gives, `least` to `most` times, behind each other. */
  some(least: number, most: number, make: () => string): string;
  /** True once in `times`. */
  rarely(times: number): boolean;
}

function sourceOf(random: () => number): Source {
  const below: Below = (limit) => Math.floor(random() * limit);
  const pick = <T>(items: readonly [T, ...T[]]): T => items[below(items.length)] ?? items[0];
  return {
    below,
    pick,
    some: (least, most, make) => Array.from({ length: least + below(most - least + 1) }, make).join(""),
    // By 0 it is what is usual.
    rarely: (times) => below(times) === times - 1,
  };
}

export type Cases = fc.Arbitrary<ReferenceCase>;

/** @param most numbers that one takes. */
const cases = (most: number, make: (source: Source) => ReferenceCase): Cases =>
  chosen(most, (random) => make(sourceOf(random)));

const JUNK = ["", " ", "x", "-", "+", ".", "~", "=", "*", "\n", "\u00a0", "é", "/"] as const;
const PRERELEASES = [
  ...([
    "-rc1",
    "-rc.1",
    "-beta",
    "-alpha",
    "-alpha.beta",
    "-alpha.1",
    "-1",
    "-01",
    "-1.2",
    "-a.b.c",
    "-",
    "--",
    "-~",
  ] as const),
  ...(["rc2", "beta", "a", "~1", "-x.7.z.92", "-9223372036854775808", "-a..b", "-rc_1", "-3.-5", "-.1"] as const),
] as const;

function version({ below, pick, some, rarely }: Source): string {
  const number = (): string =>
    rarely(30) ? pick(["007", "00", "9223372036854775807", "9223372036854775808", "10", ""]) : String(below(4));
  // Pairs that differ in their prereleases alone are what the rules are about.
  const segments = rarely(3) ? "1.2" : Array.from({ length: 1 + below(rarely(4) ? 6 : 3) }, number).join(".");
  const prefix = rarely(6) ? pick(["v", "v", "v", "v", "V", "vv"]) : "";
  const prerelease = rarely(segments === "1.2" ? 2 : 3) ? pick(PRERELEASES) : "";
  const metadata = rarely(6) ? pick(["+build", "+1.2", "+a-b.c", "+", "+~dist", "+a_b", "+é"]) : "";
  const written = `${prefix}${segments}${prerelease}${metadata}`;
  if (!rarely(40)) return written;
  const at = below(written.length + 1);
  return written.slice(0, at) + some(1, 1, () => pick(JUNK)) + written.slice(at);
}

function conditions(source: Source): string {
  const { below, pick, rarely } = source;
  const space = (): string => (rarely(3) ? (rarely(30) ? pick(["\u00a0", "\v"]) : pick([" ", "  ", "\t", " \n"])) : "");
  const condition = (): string => {
    const operator = rarely(25)
      ? pick(["<>", "=>", "^", "~", "||", "===", "!", ">>", "not "])
      : pick(["", "=", "!=", "<", "<=", ">", ">=", "~>", "~>"]);
    return `${space()}${operator}${space()}${version(source)}${space()}`;
  };
  return Array.from({ length: 1 + below(rarely(3) ? 3 : 1) }, condition).join(",");
}

/** Versions and lists of conditions: valid ones close to each other, and some that are none. */
export const versionCases = (operator: "version" | "semver"): Cases =>
  cases(60, (source) => [operator, version(source), conditions(source)]);

function number(source: Source): string {
  const { below, pick, some, rarely } = source;
  const digits = (): string => some(1, 3, () => String(below(10)));
  const sign = rarely(4) ? pick(["+", "-", "--"]) : "";
  switch (below(8)) {
    case 0:
      return `${sign}${digits()}.${digits()}`;
    case 1:
      return `${sign}${pick([digits(), ".5", "5.", "."])}${pick(["e", "E", "p"])}${pick(["", "+", "-"])}${pick([digits(), ""])}`;
    case 2:
      return `${sign}${pick(["0x", "0X"])}${pick(["1", "ff", "1.8", ".8", "_f", "1_0", ""])}${pick(["p1", "P-2", "", "p+3", "p"])}`;
    case 3:
      return `${sign}${pick(["inf", "Inf", "infinity", "nan", "NaN", "INFINIT", "1e400", "-1e-400", "0b1", "0o7"])}`;
    case 4:
      return `${sign}${pick(["1_000", "1__0", "_1", "1_", "1_0.5", "1.5_0", "1_.5", "1e1_0"])}`;
    case 5:
      return `${sign}${pick(["9223372036854775807", "9223372036854775808", "-9223372036854775808", "00012", "9007199254740993"])}`;
    case 6:
      return pick(["", "a", "b", "Z", "7.2.22", "10.0.0", "é", "\u{1f600}", "\uffee", " 1", "1 ", "1,5"]);
    default:
      return `${sign}${digits()}`;
  }
}

/** What the operators of order compare: numbers in every spelling, and other text. */
export const orderCases: Cases = cases(30, (source) => [
  source.pick(["<", "<=", ">", ">="]),
  number(source),
  number(source),
]);

/** Pairs of versions under the operators of order. */
export const versionOrderCases: Cases = cases(40, (source) => [
  source.pick(["<", "<=", ">", ">="]),
  version(source),
  version(source),
]);

const CHARACTERS = [
  "a",
  "a",
  "b",
  "b",
  "c",
  "A",
  "K",
  "s",
  "0",
  "5",
  "_",
  "-",
  ".",
  "\n",
  "\n",
  " ",
  "\t",
  "\v",
  "\u{10061}",
  "é",
  "É",
  "ſ",
  "\u212a",
  "ß",
  "σ",
  "ς",
  "Σ",
  "\u{1f600}",
  "\u{10428}",
  "\u{10400}",
] as const;

const CLASSES = [
  ...([
    "\\d",
    "\\D",
    "\\s",
    "\\S",
    "\\w",
    "\\W",
    "\\pL",
    "\\PL",
    "\\p{Lu}",
    "\\p{^Lu}",
    "\\P{^Lu}",
    "\\p{Greek}",
    "\\P{Latin}",
  ] as const),
  ...([
    "\\p{Letter}",
    "\\p{greek}",
    "\\pN",
    "\\p{uppercase-letter}",
    "\\p{Any}",
    "\\p{ASCII}",
    "\\pZ",
    "\\p{Foo}",
    "\\p{",
    "\\p",
  ] as const),
] as const;

const ESCAPES = [
  ...([
    "\\.",
    "\\n",
    "\\t",
    "\\x41",
    "\\x{61}",
    "\\x{1F600}",
    "\\101",
    "\\0",
    "\\07",
    "\\_",
    "\\-",
    "\\a",
    "\\v",
    "\\f",
    "\\r",
  ] as const),
  ...(["\\1", "\\8", "\\x", "\\x{", "\\x{}", "\\x{110000}", "\\xg0", "\\y", "\\Z", "\\é", "\\k<n>", "\\"] as const),
] as const;

const POSIX = [
  "[:alpha:]",
  "[:^alpha:]",
  "[:punct:]",
  "[:word:]",
  "[:upper:]",
  "[:space:]",
  "[:foo:]",
  "[:alpha",
] as const;

function bracket(source: Source): string {
  const { pick, some, rarely } = source;
  const character = (): string => (rarely(6) ? pick(ESCAPES) : pick(CHARACTERS));
  const member = (): string => {
    if (rarely(6)) return pick(CLASSES);
    if (rarely(8)) return pick(POSIX);
    return rarely(3) ? `${character()}-${character()}` : character();
  };
  const opener = pick(["[", "[", "[^", "[]", "[^]", "[-"]);
  return `${opener}${some(rarely(10) ? 0 : 1, 3, member)}${rarely(60) ? "" : "]"}`;
}

function atom(source: Source, depth: number): string {
  const { below, pick, rarely } = source;
  const which = below(depth > 0 ? 11 : 7);
  if (which < 4) return pick(CHARACTERS);
  if (which === 4) return rarely(4) ? pick(ESCAPES) : pick(CLASSES);
  if (which === 5) return bracket(source);
  if (which === 6)
    return pick([
      ".",
      ".",
      "^",
      "$",
      "\\b",
      "\\B",
      "\\A",
      "\\z",
      "\\Qa.b\\E",
      "\\Q*",
      "(?i)",
      "(?s)",
      "(?m)",
      "(?m:^a?)",
      "(?m:$)\\s",
      "(?-i)",
      "(?)",
    ]);
  const opener = rarely(15)
    ? pick([
        "(?P<n>",
        "(?<m1>",
        "(?=",
        "(?!",
        "(?<=",
        "(?<!",
        "(?>",
        "(?#",
        "(?P=n)",
        "(?P<>",
        "(?P<n-m>",
        "(?i--s:",
        "(?-:",
      ])
    : pick(["(", "(?:", "(?i:", "(?s:", "(?m:", "(?U:", "(?i-s:", "(?im-U:", "(?-i:"]);
  return `${opener}${expression(source, depth - 1)}${rarely(80) ? "" : ")"}`;
}

function expression(source: Source, depth: number): string {
  const { pick, some, rarely } = source;
  const repetition = (): string =>
    rarely(3)
      ? pick([
          "*",
          "+",
          "?",
          "*?",
          "+?",
          "??",
          "{2}",
          "{1,2}",
          "{0,}",
          "{1,}?",
          "{0}",
          "{,2}",
          "{2,1}",
          "{1001}",
          "{a}",
          "{",
          "**",
          "?*",
          "{2}{2}",
          "{40}",
          "{01}",
        ])
      : "";
  const branch = (): string => some(rarely(8) ? 0 : 1, 3, () => atom(source, depth) + repetition());
  return rarely(3) ? `${branch()}|${branch()}` : branch();
}

/** Expressions, most of them valid, and a text that each may match. */
export const regexpCases: Cases = cases(120, (source) => {
  const pattern = expression(source, 3);
  return ["regexp", source.some(0, 6, () => source.pick(CHARACTERS)), pattern];
});

const SIGNS = [
  "(",
  ")",
  "[",
  "]",
  "{",
  "}",
  "*",
  "+",
  "?",
  "|",
  "^",
  "$",
  ".",
  "\\",
  "-",
  ",",
  ":",
  "<",
  ">",
  "P",
  "p",
  "Q",
  "E",
  "i",
  "a",
  "1",
  "=",
  "!",
] as const;

/** Signs without sense, for what is refused and what is not. */
export const regexpNoise: Cases = cases(20, ({ pick, some }) => [
  "regexp",
  some(0, 4, () => pick(SIGNS)),
  some(1, 9, () => pick(SIGNS)),
]);
