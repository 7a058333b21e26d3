import { expect, test } from "bun:test";
import type { Draft } from "../../../../src/artifact/download/draft.ts";
import { createIslands } from "../../../../src/artifact/download/islands.ts";
import { createPieces } from "../../../../src/artifact/download/pieces.ts";

/** A draft of text, which tells what was taken in from the front and what lies ahead. */
function textDraft(beginning: string) {
  let front = beginning;
  let file = beginning;
  const islands = createIslands("sha256");
  const put = (text: string, position: number): void => {
    file = file.padEnd(position, ".").slice(0, position) + text + file.slice(position + text.length);
  };
  const draft = {
    get bytes() {
      return front.length;
    },
    write(chunk: Uint8Array) {
      put(Buffer.from(chunk).toString(), front.length);
      front = file.slice(0, front.length + chunk.length);
    },
    get islands() {
      return islands.all;
    },
    ahead(chunk: Uint8Array, position: number) {
      put(Buffer.from(chunk).toString(), position);
      islands.add(chunk, position);
    },
    absorb() {
      for (let next = islands.shift(front.length); next !== undefined; next = islands.shift(front.length)) {
        front = file.slice(0, next.end);
      }
    },
    trim() {
      const { bytes } = islands;
      islands.clear();
      file = file.slice(0, front.length);
      return bytes;
    },
  } satisfies Partial<Draft>;
  return { draft: draft as unknown as Draft, front: () => front, file: () => file };
}

const rule = { total: 20, start: 4, pieceBytes: 4, windowBytes: 100 };

test("pieces that come in any order go into the draft in the file's", () => {
  const { draft, front } = textDraft("0123");
  const pieces = createPieces({ ...rule, draft });
  const [first, second, third] = [pieces.take(), pieces.take(), pieces.take()];
  if (first === undefined || second === undefined || third === undefined) throw new Error("too few");
  expect([first, second, third]).toMatchObject([
    { start: 4, end: 8 },
    { start: 8, end: 12 },
    { start: 12, end: 16 },
  ]);
  pieces.write(third, Buffer.from("cdef"));
  pieces.write(second, Buffer.from("89"));
  pieces.advance();
  expect(front()).toBe("0123");
  pieces.write(first, Buffer.from("45"));
  pieces.write(first, Buffer.from("67"));
  pieces.advance();
  expect(front()).toBe("0123456789");
  pieces.write(second, Buffer.from("ab"));
  pieces.advance();
  expect(front()).toBe("0123456789abcdef");
});

test("what one connection left of a piece is the next one's before anything new", () => {
  const pieces = createPieces({ ...rule, draft: textDraft("0123").draft });
  const first = pieces.take();
  if (first === undefined) throw new Error("none");
  pieces.write(first, Buffer.from("4"));
  pieces.giveBack(first);
  expect(pieces.take()).toMatchObject({ start: 4, end: 8, at: 5 });
  expect(pieces.take()).toMatchObject({ start: 8 });
});

test("no piece begins further ahead than the window, and none behind the end", () => {
  const { draft } = textDraft("0123");
  const pieces = createPieces({ ...rule, draft, windowBytes: 4 });
  expect([pieces.take()?.start, pieces.take()?.start, pieces.take()]).toEqual([4, 8, undefined]);
  const all = createPieces({ ...rule, draft, pieceBytes: 10 });
  expect([all.take()?.end, all.take()?.end, all.take()]).toEqual([14, 20, undefined]);
});

test("what is dropped is counted, and what the draft has taken in stays", () => {
  const { draft, file } = textDraft("0123");
  const pieces = createPieces({ ...rule, draft });
  const [first, second] = [pieces.take(), pieces.take()];
  if (first === undefined || second === undefined) throw new Error("too few");
  pieces.write(first, Buffer.from("45"));
  pieces.write(second, Buffer.from("89a"));
  expect(pieces.drop()).toBe(3);
  expect(file()).toBe("012345");
  expect(pieces.take()).toBeUndefined();
});

test("a piece that the draft has is never written to again", () => {
  const { draft } = textDraft("0123");
  const pieces = createPieces({ ...rule, draft });
  const first = pieces.take();
  if (first === undefined) throw new Error("none");
  draft.write(Buffer.from("4567"));
  expect(() => pieces.write(first, Buffer.from("x"))).toThrow("came twice");
});

test("what lies behind a gap from an earlier try is asked for by no piece, and the gaps are", () => {
  const { draft, front } = textDraft("0123");
  draft.ahead(Buffer.from("678"), 6);
  draft.ahead(Buffer.from("f"), 15);
  const pieces = createPieces({ ...rule, draft, start: 6 });
  const taken = [pieces.take(), pieces.take(), pieces.take()];
  expect(taken).toMatchObject([
    { start: 9, end: 13, at: 9 },
    { start: 13, end: 15, at: 13 },
    { start: 16, end: 20, at: 16 },
  ]);
  for (const [at, text] of ["9abc", "de", "ghij"].entries()) {
    const piece = taken[at];
    if (piece === undefined) throw new Error("too few");
    pieces.write(piece, Buffer.from(text));
  }
  draft.write(Buffer.from("45"));
  pieces.advance();
  expect(front()).toBe("0123456789abcdefghij");
  expect(pieces.take()).toBeUndefined();
});
