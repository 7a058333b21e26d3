import { expect, test } from "bun:test";
import { requestOf } from "../../../../src/artifact/download/request.ts";

const PLAN = {
  url: "http://h/a?sig=s3cret",
  headers: { "user-agent": "paddock/1", b: "2", a: "1" },
  insecure: false,
  via: { kind: "http" },
} as const;
const signed = (keyId: string, secret: string) => ({
  ...PLAN,
  via: { kind: "s3", region: "r", credentials: { keyId, secret, token: null } } as const,
  checksum: null,
});
const request = requestOf({ ...PLAN, checksum: null });

test("a request is 32 digits that tell nothing, the same for every version of this program", () => {
  expect(request).toMatch(/^[0-9a-f]{32}$/);
  expect(requestOf({ ...PLAN, headers: { a: "1", "user-agent": "paddock/2", b: "2" }, checksum: null })).toBe(request);
  // Without a checksum a file is hashed by sha256; what proves it makes it no other request.
  expect(requestOf({ ...PLAN, checksum: { type: "sha256", hex: "0".repeat(64) } })).toBe(request);
});

test.each([
  { ...PLAN, url: "http://h/a?sig=other", checksum: null },
  { ...PLAN, headers: { ...PLAN.headers, b: "3" }, checksum: null },
  { ...PLAN, headers: { ...PLAN.headers, c: "3" }, checksum: null },
  // Some servers have another file for another program.
  { ...PLAN, headers: { ...PLAN.headers, "user-agent": "curl/8" }, checksum: null },
  { ...PLAN, insecure: true, checksum: null },
  { ...PLAN, checksum: { type: "md5", hex: "0".repeat(32) } as const },
])("another request is told apart", (other) => {
  expect(requestOf(other)).not.toBe(request);
});

test("what one key asks for is nobody else's", () => {
  const open = { ...PLAN, via: { kind: "s3", region: "r", credentials: null } as const, checksum: null };
  const all = [open, signed("a", "x"), signed("a", "y"), signed("b", "x")].map(requestOf);
  expect(new Set(all).size).toBe(4);
  expect(requestOf(signed("a", "x"))).toBe(requestOf(signed("a", "x")));
});
