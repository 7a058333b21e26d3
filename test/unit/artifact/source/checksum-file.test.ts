import { describe, expect, test } from "bun:test";
import { findChecksum } from "../../../../src/artifact/source/checksum-file.ts";

const hex = (digit: string, length = 64): string => digit.repeat(length);
const NAMES = ["a.img", "d/a.img", "./d/a.img", "/srv/d/a.img"];

describe("the checksum of a.img", () => {
  test.each([
    ["GNU's text form", `${hex("1")}  b.img\n${hex("a")}  a.img\n`],
    ["GNU's binary form", `${hex("a")} *a.img`],
    ["shasum's portable form", `${hex("a")} ?a.img`],
    ["a path beside the list", `${hex("a")}  d/a.img`],
    ["a path with a dot", `${hex("a")}  ./d/a.img`],
    ["the whole path", `${hex("a")}  /srv/d/a.img`],
    ["BSD's form", `SHA256 (b.img) = ${hex("1")}\nSHA256 (a.img) = ${hex("a")}\n`],
    ["ends of lines of another system", `${hex("1")}  b.img\r\n${hex("a")}  a.img\r\n`],
    ["capitals", `${hex("A")}  a.img`],
    ["tabs", `${hex("a")}\ta.img`],
    ["a hash alone", `${hex("a")}\n`],
    ["a name that goes before a hash alone", `${hex("1")}\n${hex("a")}  a.img`],
    [
      "a signed list",
      `-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n${hex("a")}  a.img\n-----BEGIN PGP SIGNATURE-----\niQ`,
    ],
    [
      "the strongest of several",
      `MD5 (a.img) = ${hex("1", 32)}\nSHA256 (a.img) = ${hex("a")}\nSHA1 (a.img) = ${hex("2", 40)}`,
    ],
  ])("in %s", (_, text) => {
    expect(findChecksum(text, NAMES)).toEqual({ type: "sha256", hex: hex("a") });
  });

  test.each([
    ["", "nothing"],
    [`${hex("a")}  b.img`, "another name"],
    [`${hex("a")}  xa.img`, "a longer name"],
    [`${hex("a")}  e/a.img`, "another directory"],
    [`${hex("a", 63)}  a.img`, "a digit too few"],
    [`${hex("g")}  a.img`, "no hex"],
    [`CRC32 (a.img) = ${hex("a", 32)}`, "another hash"],
    ["a.img\n", "a name alone"],
  ])("is not in %p (%s)", (text) => {
    expect(findChecksum(text, NAMES)).toBeUndefined();
  });

  test("with a space in its name", () => {
    expect(findChecksum(`${hex("a")}  my disk.img`, ["my disk.img"])?.hex).toBe(hex("a"));
    expect(findChecksum(`SHA256 (my (1).img) = ${hex("a")}`, ["my (1).img"])?.hex).toBe(hex("a"));
  });

  test("a long line costs nothing", () => {
    expect(findChecksum(`${hex("a")}  a${" ".repeat(1_000_000)}b`, NAMES)).toBeUndefined();
    expect(findChecksum(`SHA256 (${"(".repeat(1_000_000)}`, NAMES)).toBeUndefined();
    const line = `${hex("1")}  a${" ".repeat(4000)}b\n`;
    expect(findChecksum(`${line.repeat(1000)}${hex("a")}  a.img`, NAMES)?.hex).toBe(hex("a"));
  });
});
