import { expect, test } from "bun:test";
import { StubTexts } from "../../../../src/api/list/stub-texts.ts";
import { manualClock } from "../../../helpers/manual-clock.ts";
import { NODE } from "../../../helpers/records.ts";

const REST = 30_000;

test("a text is given until its record was written", () => {
  const texts = new StubTexts(manualClock());
  expect(texts.get("a", NODE)).toBeUndefined();
  texts.keep("a", "1");
  texts.keep("b", "2");
  expect([texts.get("a", NODE), texts.get("b", NODE)]).toEqual(["1", "2"]);
  texts.forget("a");
  texts.forget("never kept");
  expect([texts.get("a", NODE), texts.get("b", NODE)]).toEqual([undefined, "2"]);
});

test("texts that nobody asks for are forgotten, and no timer stays behind", () => {
  const clock = manualClock();
  const texts = new StubTexts(clock);
  texts.get("a", NODE);
  texts.keep("a", "1");
  clock.advance(REST - 1);
  expect(texts.get("a", NODE)).toBe("1");
  clock.advance(1);
  expect(clock.waiting).toBe(1);
  clock.advance(REST);
  expect(clock.waiting).toBe(0);
  expect(texts.get("a", NODE)).toBeUndefined();
});

test("texts of a node with another name are forgotten, and not of one whose free disk is another by now", () => {
  const texts = new StubTexts(manualClock());
  texts.get("a", NODE);
  texts.keep("a", "1");
  const later = { ...NODE, attributes: {} };
  expect(texts.get("a", later)).toBe("1");
  const other = { ...NODE, name: "other" };
  expect(texts.get("a", other)).toBeUndefined();
  expect(texts.get("a", NODE)).toBeUndefined();
});

test("no more is kept than 8 MiB, and what is forgotten makes room", () => {
  const texts = new StubTexts(manualClock());
  const large = "x".repeat(3 << 20);
  texts.get("a", NODE);
  for (const id of ["a", "b", "c"]) texts.keep(id, large);
  const kept = () => ["a", "b", "c"].filter((id) => texts.get(id, NODE) !== undefined);
  expect(kept()).toEqual(["a", "b"]);
  texts.forget("a");
  texts.keep("c", large);
  texts.keep("c", large);
  expect(kept()).toEqual(["b", "c"]);
});
