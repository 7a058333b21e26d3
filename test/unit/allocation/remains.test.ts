import { expect, test } from "bun:test";
import { keepEvents, keepLines } from "../../../src/allocation/remains.ts";

test("the last events are kept, long data cut", () => {
  const events = Array.from({ length: 80 }, (_, at) => ({ name: "RESET", at, data: { text: "x".repeat(at * 10) } }));
  const kept = keepEvents(events);
  expect(kept).toHaveLength(50);
  expect(kept[0]?.at).toBe(30);
  expect(kept.at(-1)?.data).toHaveLength(301);
});

test("the last lines are kept, a line without end cut", () => {
  const text = Array.from({ length: 99 }, (_, at) => `line ${at}`).join("\n");
  expect(keepLines(`${text}\n\n`).split("\n")).toEqual(text.split("\n").slice(-60));
  expect(keepLines("x".repeat(9999))).toHaveLength(8192);
  expect(keepLines("")).toBe("");
});
