import { expect, test } from "bun:test";
import { clientOf, countFailures } from "../../../../src/api/access/failures.ts";
import { manualClock } from "../../../helpers/manual-clock.ts";

test("a clock that is set back begins a new while", () => {
  const clock = manualClock();
  const failures = countFailures(clock);
  const told = () => Array.from({ length: 12 }, () => failures.count("192.0.2.1")).filter(Boolean).length;
  expect(told()).toBe(10);
  clock.set(-3_600_000);
  expect(told()).toBe(10);
});

test("of more addresses than are remembered all others count as one", () => {
  const failures = countFailures(manualClock());
  const addresses = Array.from({ length: 5_000 }, (_, at) => `10.0.${at >> 8}.${at & 255}`);
  expect(addresses.filter((address) => failures.count(address))).toHaveLength(1_024 + 10);
  expect(failures.count("10.0.0.0")).toBe(true);
});

test.each([
  ["2001:db8::1", "2001:db8:0:0"],
  ["::1", "0:0:0:0"],
  ["fe80::1%eth0", "fe80:0:0:0"],
  ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2"],
  ["::ffff:192.0.2.1", "::ffff:192.0.2.1"],
  ["192.0.2.1", "192.0.2.1"],
  ["", ""],
])("%s is the client %p", (address, client) => {
  expect(clientOf(address)).toBe(client);
});
