import { describe, expect, test } from "bun:test";
import {
  compareVersions,
  parseSemverConstraints,
  parseVersion,
  parseVersionConstraints,
  type Version,
} from "../../../src/job/version.ts";

function version(text: string): Version {
  const parsed = parseVersion(text);
  if (parsed === undefined) throw new Error(`not a version: ${text}`);
  return parsed;
}

describe("parseVersion", () => {
  test.each([
    "1",
    "1.0",
    "v1.2.3",
    "1.2.3.4",
    "1.2-5",
    "1.2-beta.5",
    "1.7rc2",
    "v1.7rc2",
    "1.2.0-x.Y.0+meta~dist",
    "1.0-",
  ])("reads %p", (text) => {
    expect(parseVersion(text)).toBeDefined();
  });

  test.each([
    "",
    "foo",
    "foo1.2.3",
    "1.2.beta",
    "1.2.",
    ".1",
    "\n1.2",
    " 1.2",
    "1.2 ",
    "V1.2",
    "1.2+",
    "1.2-a..b",
    "1_2",
  ])("refuses %p", (text) => {
    expect(parseVersion(text)).toBeUndefined();
  });

  test("pads to three segments and remembers how many were written", () => {
    expect(version("7.2")).toEqual({ segments: [7n, 2n, 0n], given: 2, prerelease: "" });
    expect(version("1.2.3.4-rc1+build")).toEqual({ segments: [1n, 2n, 3n, 4n], given: 4, prerelease: "rc1" });
    expect(version("17.03.0-ce").segments).toEqual([17n, 3n, 0n]);
  });

  test("takes segments up to 2^63 - 1 exactly", () => {
    expect(version("1.9223372036854775807").segments[1]).toBe(9223372036854775807n);
    expect(parseVersion("1.9223372036854775808")).toBeUndefined();
  });

  test("a long text costs no time that grows with its square", () => {
    expect(parseVersion(`1.0-${"a-".repeat(200_000)}!`)).toBeUndefined();
    expect(parseVersion(`${"1.".repeat(200_000)}!`)).toBeUndefined();
  });
});

describe("compareVersions", () => {
  test.each([
    ["1.2.3", "1.4.5", -1],
    ["1.10", "1.9", 1],
    ["1.2", "1.2.0.0", 0],
    ["1.2", "1.2.0.0.1", -1],
    ["1.2+foo", "1.2+bar", 0],
    ["v1.2", "1.2-beta", 1],
    ["1.7rc2", "1.7rc1", 1],
    ["1.7rc2", "1.7-rc2", 0],
    ["1.7rc2", "1.7", -1],
    ["1.2-beta.2", "1.2-beta.11", -1],
    ["1.2-beta", "1.2-beta.3", -1],
    ["1.2-2", "1.2-alpha", -1],
    ["3.0-alpha.1", "3.0-alpha.beta", -1],
    ["5.4-alpha", "5.4-alpha.beta", 1],
    ["3.0-alpha3", "3.0-rc1", -1],
    ["1.2.0.0-rc1", "1.2", 0],
  ])("%s against %s is %d, and the other way round", (left, right, expected) => {
    expect(Math.sign(compareVersions(version(left), version(right)))).toBe(expected);
    expect(Math.sign(compareVersions(version(right), version(left)))).toBe(expected === 0 ? 0 : -expected);
  });
});

describe("the conditions of operator version", () => {
  test.each([
    [">= 7.2, < 8", "7.2.22", true],
    ["> 10.0.0", "7.2.22", false],
    [">= 1.0, < 1.2", "1.1.5", true],
    ["< 1.0, < 1.2", "1.1.5", false],
    ["1.0", "1.0.0", true],
    ["=1.0", "1.1.5", false],
    ["!= 1.0", "1.0.0", false],
    [" >=1.0 ,<2 ", "1.5", true],
    ["~> 1.0", "1.9", true],
    ["~> 1.0", "2.0", false],
    ["~> 1", "2.0", true],
    ["~> 1.0.0", "1.1.0", false],
    ["~> 1.0.7", "1.0.8", true],
    ["~> 1.0.7", "1.0.4", false],
    ["~> 1.0.7", "1.0.7.5", true],
    ["~> 1.0.9.5", "1.0.9.6", true],
    ["~> 1.0.9.5", "1.0.9", false],
    ["~> 1.0.0.0", "1.0.0", false],
    ["~> 2.1.0-a", "2.1.0", false],
    ["~> 2.1.0-a", "2.1.0-beta", true],
    ["~> 2.0", "2.1.0-beta", false],
    ["> 2.0", "2.1.0-beta", false],
    ["< 2.1.0", "2.1.0-beta", false],
    [">= 2.1.0-a", "2.1.0-beta", true],
    [">= 2.1.0-a", "2.1.1-beta", false],
    [">= 2.1.0-a", "2.1.1", true],
    ["<= 2.1.0-a", "2.0.0", true],
    ["!= 2.0", "2.1.0-beta", true],
    ["= 2.1.0-beta", "2.1.0-beta", true],
  ])("%s of %s is %p", (conditions, text, expected) => {
    expect(parseVersionConstraints(conditions)?.(version(text))).toBe(expected);
  });

  test.each(["", ">= 1.x", "^1.2", "~1.2", "1 || 2", ">= 1.0,", "=> 1", "== 1.0", "> > 1", "constructor 1"])(
    "refuses %p",
    (text) => {
      expect(parseVersionConstraints(text)).toBeUndefined();
    },
  );
});

describe("the conditions of operator semver", () => {
  test.each([
    ["> 2.0", "2.1.0-beta", true],
    [">= 1.0", "1.0", true],
    ["> 1.0.0-alpha, < 1.0.0", "1.0.0-beta", true],
    ["= 1.0.0+a", "1.0.0+b", true],
    ["< 2.1.0", "2.1.0-beta", true],
  ])("%s of %s is %p", (conditions, text, expected) => {
    expect(parseSemverConstraints(conditions)?.(version(text))).toBe(expected);
  });

  test.each(["~> 7.2", "1.0beta1", "1.0-", ""])("refuses %p", (text) => {
    expect(parseSemverConstraints(text)).toBeUndefined();
  });
});
