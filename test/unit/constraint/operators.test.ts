import { describe, expect, test } from "bun:test";
import { applyOperator } from "../../../src/constraint/operators.ts";

/** For what takes a second at most, and hours when it grows with the square of its length. */
const DEADLINE_MS = 60_000;

const MANY = 300_000;
const list = (item: string): string => `${item},`.repeat(MANY) + item;

describe("a constraint whose sides are as long as a job may be is tested", () => {
  test.each<[string, string, string]>([
    ["set_contains", list("a"), list("b")],
    ["set_contains_any", list("a"), list("b")],
    ["version", "2", list("1")],
    ["semver", "2", list("1")],
    [">", `0x${"f".repeat(MANY)}p0`, "1"],
    ["regexp", "a".repeat(MANY), "(a|b)*c"],
  ])(
    "by %s",
    (operator, left, right) => {
      const { ok, reason = "", note = "" } = applyOperator(operator, left, right, false);
      expect(ok).toBe(false);
      expect(reason.length + note.length).toBeLessThan(1000);
    },
    DEADLINE_MS,
  );
});

test("what a set lacks is told, the first of it where it is much", () => {
  const wanted = Array.from({ length: 25 }, (_, at) => `w${at}`);
  const { reason } = applyOperator("set_contains", "a,b", wanted.join(","), false);
  expect(reason).toStartWith('the set lacks "w0", "w1"');
  expect(reason).toEndWith('"w19" and 5 more');
});
