import { expect, test } from "bun:test";
import { Source } from "../../../src/hcl/source.ts";

const source = new Source("x", "ab\r\n😀c\n\nd");

test("positions count lines by line feeds and columns by characters", () => {
  const places = [0, 2, 4, 6, 7, 8, 9, 10].map((offset) => {
    const { line, column } = source.position(offset);
    return `${line}:${column}`;
  });
  expect(places).toEqual(["1:1", "1:3", "2:1", "2:2", "2:3", "3:1", "4:1", "4:2"]);
});

test("offsets out of range are moved to the ends", () => {
  expect(source.position(-5)).toEqual({ offset: 0, line: 1, column: 1 });
  expect(source.position(99)).toEqual({ offset: 10, line: 4, column: 2 });
});

test("lines come without their line ends", () => {
  expect([0, 1, 2, 3, 4, 5].map((number) => source.line(number))).toEqual(["", "ab", "😀c", "", "d", ""]);
});

test("every position agrees with counting by hand", () => {
  const text = "a😀\n\n😀😀b\nc";
  const counted = new Source("x", text);
  let line = 1;
  let column = 1;
  let offset = 0;
  for (const char of text) {
    expect(counted.position(offset)).toEqual({ offset, line, column });
    expect(counted.lineStart(offset)).toBe(text.lastIndexOf("\n", offset - 1) + 1);
    offset += char.length;
    column = char === "\n" ? 1 : column + 1;
    if (char === "\n") line++;
  }
});
