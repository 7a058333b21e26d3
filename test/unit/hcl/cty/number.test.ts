import { describe, expect, test } from "bun:test";
import { compareText, integer, number } from "../../../../src/hcl/cty/datum.ts";
import { distinctItems, makeSet } from "../../../../src/hcl/cty/equality.ts";
import { formatNumber, fromDouble, parseNumber, truncate } from "../../../../src/hcl/cty/number.ts";
import { NUMBER } from "../../../../src/hcl/cty/type.ts";

describe("a number of more bits than are kept", () => {
  const most = 2n ** 512n;

  test.each<[string, string, bigint]>([
    ["in the middle goes to the even one below", String(most + 1n), most],
    ["in the middle goes to the even one above", String(most + 3n), most + 4n],
    ["a little above the middle goes up", `${most + 1n}.00000000000000000001`, most + 2n],
    ["a little below the middle goes down", `${most}.99999999999999999999`, most],
  ])("%s", (_, written, kept) => {
    const value = parseNumber(written);
    expect(value && truncate(value)).toBe(kept);
  });
});

test.each([0.1, 1 / 3, 1e23, 18084767253659650, 18155135997837310, 123456.789])(
  "the double %p has the digits that JavaScript gives it",
  (value) => {
    expect(Number(formatNumber(fromDouble(value)))).toBe(value);
    expect(formatNumber(fromDouble(value)).replace(/^0\.0*|\.|0+$/g, "")).toBe(
      String(value)
        .replace(/e.*$/, "")
        .replace(/^0\.0*|\.|0+$/g, ""),
    );
  },
);

test("numbers are told apart by their value, however they are kept", () => {
  const [half, one] = [number(fromDouble(0.5)), integer(1)];
  expect(makeSet(NUMBER, [one, half, number(fromDouble(1))])).toMatchObject({ items: [half, number(fromDouble(1))] });
  expect(distinctItems([half, one])).toHaveLength(2);
});

test("text is in the order of its bytes in UTF-8", () => {
  const sorted = ["", "a", "ab", "b", "\uffff", "\u{10000}", "\u{10001}"];
  expect(sorted.toReversed().toSorted(compareText)).toEqual(sorted);
  expect(compareText("\ue000", "\u{1f600}")).toBeLessThan(0);
});
