import { describe, expect, test } from "bun:test";
import { compileRegexp, type Regexp } from "../../../src/regexp/regexp.ts";
import { replaceAll } from "../../../src/regexp/replace.ts";

function compile(pattern: string): Regexp {
  const compiled = compileRegexp(pattern);
  if (!compiled.ok) throw new Error(compiled.message);
  return compiled.regexp;
}

const uncounted = (): void => undefined;

/** The groups of the first match, as text; undefined where there is none. */
function find(pattern: string, text: string): (string | undefined)[] | undefined {
  const regexp = compile(pattern);
  const match = regexp.find(text, 0, uncounted);
  if (match === undefined) return undefined;
  return regexp.names.map((_, group) => {
    const start = match[2 * group] ?? -1;
    return start < 0 ? undefined : text.slice(start, match[2 * group + 1]);
  });
}

describe("a match", () => {
  test.each<[string, string, (string | undefined)[] | undefined]>([
    ["b+", "abbbc", ["bbb"]],
    ["b+?", "abbbc", ["b"]],
    ["a|ab", "ab", ["a"]],
    ["(a)|(b)", "b", ["b", undefined, "b"]],
    ["(a*)*", "aab", ["aa", "aa"]],
    ["(|a)+", "aa", ["", ""]],
    ["(|a)*", "aa", ["", ""]],
    ["a(?i)a", "aA", ["aA"]],
    ["a(?i)a", "AA", undefined],
    ["^b", "a\nb", undefined],
    ["(?m)^b$", "a\nb\nc", ["b"]],
    ["a$", "a\n", undefined],
    ["a.b", "a\nb", undefined],
    ["(?s)a.b", "a\nb", ["a\nb"]],
    ["(?i)STRASSE", "strasse", ["strasse"]],
    ["(?i)k", "\u212a", ["\u212a"]],
    ["(?i)\\W", "ſ", undefined],
    ["\\bfoo\\b", "a foo b", ["foo"]],
    ["\\pL+", "12äöαβ", ["äöαβ"]],
    ["\\p{Greek}", "aβ", ["β"]],
    ["[^[:alpha:]\\d]", "a1-", ["-"]],
    ["^.$", "😀", ["😀"]],
    ["a{2,3}", "aaaa", ["aaa"]],
    ["a{,2}", "a{,2}", ["a{,2}"]],
    ["\\Qa.b\\E", "axb a.b", ["a.b"]],
    ["(?P<year>\\d{4})-(?<month>\\d\\d)", "on 2026-01", ["2026-01", "2026", "01"]],
  ])("of %s in %j", (pattern, text, expected) => {
    expect(find(pattern, text)).toEqual(expected);
  });
});

describe("a search", () => {
  test.each<[string, string]>([
    ["(a*)*b", "a".repeat(50_000)],
    ["(a|a)*b", "a".repeat(50_000)],
    ["(.*)(.*)(.*)(.*)x", "a".repeat(10_000)],
    ["(x+x+)+y", "x".repeat(20_000)],
    [`${"a?".repeat(200)}${"a".repeat(200)}`, "a".repeat(200)],
  ])("for %s takes time linear in the text", (pattern, text) => {
    let steps = 0;
    const regexp = compile(pattern);
    regexp.find(text, 0, (taken) => {
      steps += taken;
    });
    // The place of each group is copied whenever one is kept.
    expect(steps).toBeLessThan((regexp.size + 10) * (text.length + 10) * 2 * regexp.names.length);
  });

  test.each([
    ["assertions", "\\b".repeat(1000), 1000],
    ["groups", "()".repeat(1000), 1000 * 2000],
    ["nothing", "(?:|)".repeat(1000), 1000],
  ])("tells of the steps that it takes at one place, also those for %s", (_, pattern, least) => {
    let steps = 0;
    compile(pattern).find("a", 0, (taken) => {
      steps += taken;
    });
    expect(steps).toBeGreaterThanOrEqual(least);
  });

  test("may be stopped by who counts its steps", () => {
    const stop = () => {
      throw new Error("enough");
    };
    expect(() => compile("a").find("b", 0, stop)).toThrow("enough");
  });
});

describe("a replacement", () => {
  test.each<[string, string, string, string]>([
    ["a", "banana", "-", "b-n-n-"],
    ["", "abc", "-", "-a-b-c-"],
    ["x*", "axxb", "-", "-a-b-"],
    ["(\\w)(\\d)", "a1 b2", "$2$1", "1a 2b"],
    ["(\\w)(\\d)", "a1 b2", "$2x", " "],
    ["(\\w)(\\d)", "a1 b2", "${2}x", "1x 2x"],
    ["(?P<name>\\w+)", "a b", "<$name>", "<a> <b>"],
    ["a", "a", "$$1 $", "$1 $"],
    ["(a)|b", "ab", "[$1]", "[a][]"],
    ["", "😀", "-", "-😀-"],
  ])("of %s in %j by %j", (pattern, text, template, expected) => {
    expect(replaceAll(compile(pattern), text, template)).toBe(expected);
  });
});
