import { expect, test } from "bun:test";
import { isLinkLocal } from "../../../src/artifact/link-local.ts";

/** As a URL spells its host: numbers in any base become dotted there. */
const hostOf = (url: string): string => new URL(url).hostname;

test.each([
  "http://169.254.169.254/",
  "http://2852039166/",
  "http://0xa9.0xfe.1/",
  "http://[fe80::1]/",
  "http://[febf::1]/",
  "http://[::ffff:169.254.1.1]/",
])("%s is link-local", async (url) => {
  expect(await isLinkLocal(hostOf(url))).toBe(true);
});

test.each([
  "http://127.0.0.1/",
  "http://169.253.1.1/",
  "http://[fec0::1]/",
  "http://[::ffff:10.0.0.1]/",
  "http://localhost/",
])("%s is not", async (url) => {
  expect(await isLinkLocal(hostOf(url))).toBe(false);
});

test("a name without an address is not", async () => {
  expect(await isLinkLocal("no-such-host.invalid")).toBe(false);
});
