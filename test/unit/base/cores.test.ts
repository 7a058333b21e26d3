import { expect, test } from "bun:test";
import { formatCores, parseCores } from "../../../src/base/cores.ts";

test("processors are listed as Linux does, in runs and in order", () => {
  for (const [text, cores] of [
    ["0", [0]],
    ["0-3", [0, 1, 2, 3]],
    ["0,5-7", [0, 5, 6, 7]],
    ["", []],
  ] as const) {
    expect(parseCores(`${text}\n`)).toEqual(cores);
    expect(formatCores(cores)).toBe(text);
  }
  expect(formatCores([7, 0, 6, 5, 5])).toBe("0,5-7");
});
