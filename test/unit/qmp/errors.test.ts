import { expect, test } from "bun:test";
import { closedBy } from "../../../src/qmp/errors.ts";

test.each([
  ["ECONNRESET", "QEMU closed the monitor"],
  ["EPIPE", "QEMU closed the monitor"],
  ["ETIMEDOUT", "ETIMEDOUT"],
  [undefined, "it broke"],
])("a connection to a monitor that fails with %s is over because: %s", (code, words) => {
  expect(closedBy(Object.assign(new Error("it broke"), code === undefined ? {} : { code }))).toBe(words);
});
