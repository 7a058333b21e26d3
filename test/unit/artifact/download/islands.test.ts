import { expect, test } from "bun:test";
import { createIslands } from "../../../../src/artifact/download/islands.ts";
import { createHashSink } from "../../../../src/artifact/download/sink.ts";
import { hexOf } from "../../../helpers/hash.ts";

const text = (content: string): Buffer => Buffer.from(content);

test("what comes behind an island makes it longer, what comes elsewhere is one of its own, in the file's order", () => {
  const islands = createIslands("sha256");
  islands.add(text("uv"), 20);
  islands.add(text("k"), 10);
  islands.add(text("lm"), 11);
  islands.add(text("wx"), 22);
  expect(islands.mark()).toEqual([
    { start: 10, end: 13, hex: hexOf(text("klm")) },
    { start: 20, end: 24, hex: hexOf(text("uvwx")) },
  ]);
  expect(islands.bytes).toBe(7);
});

test("one that was found again grows on with its hash", () => {
  const islands = createIslands("sha256");
  const hash = createHashSink("sha256");
  hash.write(text("kl"));
  islands.addHashed({ start: 10, end: 12 }, hash);
  islands.add(text("m"), 12);
  expect(islands.mark()).toEqual([{ start: 10, end: 13, hex: hexOf(text("klm")) }]);
});

test("the first one is taken out once there is no gap before it", () => {
  const islands = createIslands("sha256");
  islands.add(text("uv"), 20);
  islands.add(text("k"), 10);
  expect(islands.shift(9)).toBeUndefined();
  expect(islands.shift(10)).toMatchObject({ start: 10, end: 11 });
  expect(islands.shift(11)).toBeUndefined();
  expect(islands.all).toMatchObject([{ start: 20, end: 22 }]);
  islands.clear();
  expect(islands.all).toEqual([]);
});
