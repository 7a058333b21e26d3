import { expect, test } from "bun:test";
import { formatNumber } from "../../../src/hcl/number.ts";

test.each([
  ["0", "0"],
  ["-0.0", "0"],
  ["007", "7"],
  ["1.50", "1.5"],
  ["-2.0", "-2"],
  ["15e-1", "1.5"],
  ["1E+3", "1000"],
  ["1.25e1", "12.5"],
  ["12e-4", "0.0012"],
  ["0.1e1", "1"],
  ["123456789012345678901234567890.5", "123456789012345678901234567890.5"],
  ["1e-999999999", "0"],
])("%s is %s in text", (written, text) => {
  expect(formatNumber(written)).toBe(text);
});
