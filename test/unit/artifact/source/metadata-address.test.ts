import { expect, test } from "bun:test";
import { isMetadataAddress } from "../../../../src/artifact/source/metadata-address.ts";

/** As a URL spells its host: numbers in any base become dotted there. */
const hostOf = (url: string): string => new URL(url).hostname;

test.each([
  "http://169.254.169.254/",
  "http://2852039166/",
  "http://0xa9.0xfe.1/",
  "http://[fe80::1]/",
  "http://[febf::1]/",
  "http://[::ffff:169.254.1.1]/",
  "http://[fd00:ec2::254]/",
  "http://[fd00:0ec2:0:0:0:0:0:254]/",
  "http://100.100.100.200/",
  "http://[::ffff:100.100.100.200]/",
  "http://168.63.129.16/",
])("%s is where a cloud keeps credentials", async (url) => {
  expect(await isMetadataAddress(hostOf(url))).toBe(true);
});

test.each([
  "http://127.0.0.1/",
  "http://169.253.1.1/",
  "http://[fec0::1]/",
  "http://[::ffff:10.0.0.1]/",
  "http://[fd00:ec2::253]/",
  "http://100.100.100.201/",
  "http://localhost/",
])("%s is not", async (url) => {
  expect(await isMetadataAddress(hostOf(url))).toBe(false);
});

test("a name without an address is not", async () => {
  expect(await isMetadataAddress("no-such-host.invalid")).toBe(false);
});
