import { expect, test } from "bun:test";
import { closeSync, openSync, readFileSync, truncateSync, writeFileSync, writeSync } from "node:fs";
import { nextStretch, type Stretch, shareBytes } from "../../../src/runtime/extents.ts";
import { tempDir } from "../../helpers/temp.ts";

const MIB = 1 << 20;

test("the stretches of a file cover all that is not a hole", async () => {
  await using dir = tempDir();
  const fd = openSync(dir.file("a"), "wx+");
  const written = [3 * MIB, 7 * MIB + 5];
  for (const offset of written) writeSync(fd, Buffer.from("x"), 0, 1, offset);
  truncateSync(dir.file("a"), 9 * MIB);
  const found: Stretch[] = [];
  for (let next = await nextStretch(fd, 0, 9 * MIB); next !== undefined; ) {
    found.push(next);
    expect(next.end).toBeGreaterThan(next.start);
    next = await nextStretch(fd, next.end, 9 * MIB);
  }
  closeSync(fd);
  for (const offset of written) expect(found.some(({ start, end }) => start <= offset && offset < end)).toBe(true);
  expect(found.every(({ end }) => end <= 9 * MIB)).toBe(true);
});

test("a file without bytes has no stretch", async () => {
  await using dir = tempDir();
  const fd = openSync(dir.file("a"), "wx+");
  expect(await nextStretch(fd, 0, 0)).toBeUndefined();
  closeSync(fd);
});

test("bytes are shared or nothing is written", async () => {
  await using dir = tempDir();
  writeFileSync(dir.file("a"), Buffer.alloc(MIB, "x"));
  const [from, to] = [openSync(dir.file("a"), "r"), openSync(dir.file("b"), "wx+")];
  const shared = await shareBytes(from, to);
  expect(readFileSync(dir.file("b")).length).toBe(shared ? MIB : 0);
  closeSync(from);
  closeSync(to);
});
