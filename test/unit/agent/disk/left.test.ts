import { expect, test } from "bun:test";
import { statSync, utimesSync, writeFileSync } from "node:fs";
import { isWrittenSince } from "../../../../src/agent/disk/left.ts";
import { tempDir } from "../../../helpers/temp.ts";

test.each([
  ["after the disk was decided", { birthtimeMs: 5, ctimeMs: 20, mtimeMs: 20 }, true],
  ["before, as what an artifact brings", { birthtimeMs: 5, ctimeMs: 6, mtimeMs: 5 }, false],
  ["long before, as the files of an archive say", { birthtimeMs: 5, ctimeMs: 6, mtimeMs: 1 }, false],
  ["after the clock was set back behind its own making", { birthtimeMs: 5, ctimeMs: 2, mtimeMs: 2 }, true],
  ["where the file system does not say when it was made", { birthtimeMs: 0, ctimeMs: 6, mtimeMs: 5 }, false],
])("a file that was last written to %s: %p is %p", (_, times, written) => {
  expect(isWrittenSince(times, 10)).toBe(written);
});

test("a file that nobody has changed since it was made is not taken for one under another clock", async () => {
  await using dir = tempDir();
  writeFileSync(dir.file("a"), "");
  utimesSync(dir.file("a"), 1, 1);
  expect(isWrittenSince(statSync(dir.file("a")), Date.now() + 1000)).toBe(false);
});
