import { expect, test } from "bun:test";
import { releaseBytes } from "../../../src/runtime/memory.ts";

test("bytes that are all of their buffer are given back", () => {
  const bytes = new Uint8Array(1 << 20);
  expect(releaseBytes(bytes)).toBe(true);
  expect(bytes.buffer.byteLength).toBe(0);
});

test("bytes that share their buffer with others stay", () => {
  const all = new Uint8Array([1, 2, 3, 4]);
  expect(releaseBytes(all.subarray(0, 2))).toBe(false);
  expect(releaseBytes(all.subarray(2))).toBe(false);
  expect([...all]).toEqual([1, 2, 3, 4]);
});
