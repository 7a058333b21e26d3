import { expect, test } from "bun:test";
import { isInBlock, parseIpv4Block } from "../../../src/base/ipv4.ts";

test.each([
  ["192.0.2.0/24", "192.0.2.255", true],
  ["192.0.2.0/24", "192.0.3.0", false],
  ["192.0.2.77/24", "192.0.2.1", true],
  ["0.0.0.0/0", "255.255.255.255", true],
  ["128.0.0.0/1", "200.1.1.1", true],
  ["128.0.0.0/1", "127.1.1.1", false],
  ["127.0.0.2/32", "127.0.0.2", true],
  ["127.0.0.2/32", "127.0.0.3", false],
  ["192.0.2.0/24", "::1", false],
])("%s holds %s: %p", (text, address, expected) => {
  const block = parseIpv4Block(text);
  if (block === undefined) throw new Error("no block");
  expect(isInBlock(block, address)).toBe(expected);
});

test.each(["192.0.2.0", "192.0.2.0/33", "192.0.2/24", "fd00::/8", "/8", "1.2.3.4/8x"])(
  "%p is no block of IPv4 addresses",
  (text) => {
    expect(parseIpv4Block(text)).toBeUndefined();
  },
);
