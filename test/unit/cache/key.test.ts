import { expect, test } from "bun:test";
import { filesOf, formatKey, keyOf, parseKey } from "../../../src/cache/key.ts";

const REQUEST = "0123456789abcdef".repeat(2);
const SHA256 = { type: "sha256", hex: "a".repeat(64) } as const;
const MD5 = { type: "md5", hex: "b".repeat(32) } as const;

test("a file with a strong checksum is for everybody, one with md5 or sha1 for its request only", () => {
  expect(keyOf(SHA256, REQUEST)).toEqual({ ...SHA256, request: null });
  expect(keyOf({ type: "sha512", hex: "c".repeat(128) }, REQUEST).request).toBeNull();
  expect(keyOf(MD5, REQUEST)).toEqual({ ...MD5, request: REQUEST });
  expect(keyOf({ type: "sha1", hex: "d".repeat(40) }, REQUEST).request).toBe(REQUEST);
});

test("a key reads back from its text, and its text names its directory", () => {
  for (const key of [keyOf(SHA256, REQUEST), keyOf(MD5, REQUEST)]) expect(parseKey(formatKey(key))).toEqual(key);
  expect(filesOf("/c", keyOf(SHA256, REQUEST)).content).toBe(`/c/sha256/${SHA256.hex}/content`);
  expect(filesOf("/c", keyOf(MD5, REQUEST)).dir).toBe(`/c/md5/${MD5.hex}-${REQUEST}`);
});

test.each([
  "",
  "sha256:",
  `sha256:${"a".repeat(63)}`,
  `sha256:${"a".repeat(64)}-${REQUEST}`,
  `md5:${MD5.hex}`,
  `md5:${MD5.hex}-..`,
  `sha256:../${"a".repeat(61)}`,
  `SHA256:${"a".repeat(64)}`,
  `sha256:${"A".repeat(64)}`,
  `crc:${"a".repeat(8)}`,
])("%p is no key", (text) => {
  expect(parseKey(text)).toBeUndefined();
});
