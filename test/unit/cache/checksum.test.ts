import { describe, expect, test } from "bun:test";
import { formatChecksum, parseChecksum } from "../../../src/cache/checksum.ts";

const hexOf = (length: number): string => "0123456789abcdef".repeat(8).slice(0, length);

describe("parseChecksum", () => {
  test.each([
    ["md5", 32],
    ["sha1", 40],
    ["sha256", 64],
    ["sha512", 128],
  ])("reads %s with %d digits, with and without its type", (type, length) => {
    const hex = hexOf(length);
    expect(formatChecksum(parseChecksum(`${type}:${hex}`))).toBe(`${type}:${hex}`);
    expect(formatChecksum(parseChecksum(hex))).toBe(`${type}:${hex}`);
  });

  test("takes upper case and surrounding space", () => {
    expect(parseChecksum(` SHA1:${hexOf(40).toUpperCase()}\n`)).toEqual({ type: "sha1", hex: hexOf(40) });
  });

  test("names the length that md5 needs for the documentation's own example", () => {
    expect(() => parseChecksum("md5:123445555555555")).toThrow(
      'checksum "md5:123445555555555": expected 32 hex digits for md5, found 15',
    );
  });

  test.each([
    ["crc32:00000000", 'expected type md5, sha1, sha256 or sha512, found "crc32"'],
    ["constructor:00", 'found "constructor"'],
    [`sha1:${"g".repeat(40)}`, "expected 40 hex digits for sha1"],
    ["sha256:", "expected 64 hex digits for sha256"],
    [hexOf(33), "expected 32 (md5), 40 (sha1), 64 (sha256) or 128 (sha512) hex digits, found 33"],
    ["", "hex digits"],
    ["file:http://host/SHA256SUMS", 'expected type md5, sha1, sha256 or sha512, found "file"'],
  ])("refuses %p", (text, message) => {
    expect(() => parseChecksum(text)).toThrow(message);
  });
});
