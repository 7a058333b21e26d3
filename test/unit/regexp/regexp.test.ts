import { describe, expect, test } from "bun:test";
import { compileRegexp } from "../../../src/regexp/regexp.ts";

function matches(pattern: string, text: string): boolean | undefined {
  const compiled = compileRegexp(pattern);
  if (!compiled.ok) throw new Error(compiled.message);
  return compiled.regexp.test(text);
}

describe("an expression of RE2 means what Go's means", () => {
  test.each([
    ["", "", true],
    ["b", "abc", true],
    ["^7\\.", "7.2.22", true],
    ["^2", "7.2.22", false],
    ["a$", "a\n", false],
    ["(?m)^b$", "a\nb\nc", true],
    ["a.c", "a\nc", false],
    ["(?s)a.c", "a\nc", true],
    ["a.c", "a\u{1f600}c", true],
    ["^..$", "\u{1f600}", false],
    ["\\d", "\u0665", false],
    ["\\w", "é", false],
    ["\\bb", "éb", true],
    ["\\Ba", "ba", true],
    ["\\Aa\\z", "a", true],
    ["\\s", "\v", false],
    ["\\pN", "\u0665", true],
    ["\\PL", "é", false],
    ["^\\p{Greek}+$", "αβγ", true],
    ["^\\p{^Greek}+$", "αβγ", false],
    ["\\p{uppercase letter}", "É", true],
    ["(?i)k", "\u212a", true],
    ["(?i)\\w", "ſ", true],
    ["(?i)[^a-c]", "B", false],
    ["(?i)\\p{Lu}", "a", true],
    ["(?i)\\P{Lu}", "a", false],
    ["(?i)a(?-i)b", "AB", false],
    ["((?i)a)b", "Ab", true],
    ["[[:alpha:]-]", "-", true],
    ["[]a]", "]", true],
    ["[^\\D5]", "5", false],
    ["[a\\-z]", "b", false],
    ["\\Qa.b*\\E+", "a.b**", true],
    ["\\x41\\x{1f600}\\101", "A\u{1f600}A", true],
    ["(?P<major>\\d+)\\.(?<minor>\\d+)", "7.2", true],
    ["^(?:a|b|)c{2,3}?$", "bccc", true],
    ["^a{0}b{,2}$", "b{,2}", true],
    ["^(a*)*$", "aaab", false],
    ["x*", "", true],
  ])("%p in %p: %p", (pattern, text, expected) => {
    expect(matches(pattern, text)).toBe(expected);
  });

  test("half of a character is no character, as in a text that Go has read", () => {
    expect(matches("^\ufffd$", "\ud800")).toBe(true);
  });
});

describe("what Go refuses is refused, in words", () => {
  test.each([
    ["a(", "a ( has no )", "write \\( for the character itself"],
    ["a)", "a ) has no (", "write \\) for the character itself"],
    ["[a", '"[a" has no ]', undefined],
    ["[z-a]", '"z-a" goes from a later character to an earlier one', undefined],
    ["[[:letters:]]", '"[:letters:]" names no class', undefined],
    ["*a", '"*" has nothing before it to repeat', "write \\* for the character itself"],
    ["a**", '"**" repeats a repetition', "put the first one into ( )"],
    ["a{2,1}", '"{2,1}" has the larger number first', undefined],
    ["a{1001}", '"{1001}" repeats more than 1000 times', undefined],
    ["(a{500}){3}", '"{3}" repeats more than 1000 times, with what it repeats', undefined],
    ["[a-", '"[a-" has no ]', undefined],
    ["(?-)", '"(?-" begins nothing that RE2 has', undefined],
    ["(?i-:a)", '"(?i" begins nothing that RE2 has', undefined],
    ["(?=a)", '"(?=" begins nothing that RE2 has', "RE2 has no lookahead and no lookbehind"],
    ["(?<!a)", '"(?<!a)" gives a group no name', "RE2 has no lookahead and no lookbehind"],
    ["(?>a)", '"(?>" begins nothing that RE2 has', "RE2 has no atomic groups; it never tries anything twice"],
    ["(?<a-b>c)", '"(?<a-b>" gives a group no name', "a name is of letters, digits and _"],
    ["(a)\\1", "\\1 is no escape of RE2", "RE2 has no back-references"],
    ["a\\Z", "\\Z is no escape of RE2", "\\z is the end of the text"],
    ["a\\", "\\ stands at the end", "write \\\\ for the character itself"],
    [
      "\\p{Klingon}",
      '"\\p{Klingon}" names no category or script of Unicode',
      "categories are named L, Lu, Nd, … and scripts Latin, Greek, …",
    ],
    ["\\p{Lu", '"\\p{Lu" has no }', undefined],
    [
      "\\p{constructor}",
      '"\\p{constructor}" names no category or script of Unicode',
      "categories are named L, Lu, Nd, … and scripts Latin, Greek, …",
    ],
  ])("%p: %s", (pattern, message, hint) => {
    expect(compileRegexp(pattern)).toEqual({ ok: false, message, hint });
  });
});

describe("an expression takes a time that can be foreseen", () => {
  test("repetitions in repetitions are one walk through the text", () => {
    for (const pattern of ["(a*)*b", "(a|aa)+b", "(a?){900}a{900}b", "(.*.*.*.*=)*b"]) {
      expect(matches(pattern, "a".repeat(500))).toBe(false);
    }
  });

  test("what would be too large, too long or too deep is refused", () => {
    const message = (pattern: string): string | undefined => {
      const compiled = compileRegexp(pattern);
      return compiled.ok ? undefined : compiled.message;
    };
    expect(message("(x{100})".repeat(200))).toContain("has more than 10000 steps");
    expect(message("((a{10}){10}){10}".repeat(20))).toContain("has more than 10000 steps");
    expect(message("x".repeat(65_537))).toContain("longer than 65536 characters");
    expect(message(`${"(".repeat(1_001)}${")".repeat(1_001)}`)).toContain("1000 ( are inside of each other");
    expect(message("(".repeat(60_000))).toContain("inside of each other");
    expect(message("(a|".repeat(600) + ")".repeat(600))).toContain("nested more than 1000 deep");
    expect(message(`[${"a-z".repeat(10_000)}]`)).toBeUndefined();
  });

  test("a text that is too long for the expression is not tested", () => {
    expect(matches("(a?){900}b", "a".repeat(50_000))).toBeUndefined();
    expect(matches("b", "a".repeat(1_000_000))).toBe(false);
  });
});
