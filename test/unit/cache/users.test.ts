import { expect, test } from "bun:test";
import { chmodSync, linkSync, mkdirSync, renameSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { findUsers } from "../../../src/cache/users.ts";
import { tempDir } from "../../helpers/temp.ts";

test("the allocations that have another name of a file are found, wherever in them it is", async () => {
  await using dir = tempDir();
  writeFileSync(dir.file("content"), "x");
  writeFileSync(dir.file("unpacked"), "y");
  for (const path of ["a/vm/local/deep/er", "b/vm/.paddock", "c/vm"])
    mkdirSync(dir.file("alloc", path), { recursive: true });
  linkSync(dir.file("content"), dir.file("alloc/a/vm/local/deep/er/disk.img"));
  linkSync(dir.file("unpacked"), dir.file("alloc/b/vm/.paddock/base"));
  linkSync(dir.file("unpacked"), dir.file("alloc/b/vm/twice"));
  writeFileSync(dir.file("alloc/c/vm/other"), "x");
  const files = [statSync(dir.file("content")), statSync(dir.file("unpacked"))];
  expect(await findUsers(dir.file("alloc"), [{ files, names: 3 }])).toEqual([["a", "b"]]);
});

test("links are not followed, nor is anything looked for that has no other name", async () => {
  await using dir = tempDir();
  mkdirSync(dir.file("outside"));
  writeFileSync(dir.file("outside/content"), "x");
  linkSync(dir.file("outside/content"), dir.file("outside/second"));
  mkdirSync(dir.file("alloc/a"), { recursive: true });
  symlinkSync(dir.file("outside"), dir.file("alloc/a/vm"));
  symlinkSync(dir.file("outside"), dir.file("alloc/b"));
  symlinkSync(dir.file("outside/content"), dir.file("alloc/a/content"));
  const files = [statSync(dir.file("outside/content"))];
  expect(
    await findUsers(dir.file("alloc"), [
      { files, names: 1 },
      { files: [], names: 0 },
    ]),
  ).toEqual([[], []]);
  renameSync(dir.file("outside/second"), dir.file("alloc/a/second"));
  expect(await findUsers(dir.file("alloc"), [{ files, names: 0 }])).toEqual([[]]);
  expect(await findUsers(dir.file("alloc"), [{ files, names: 1 }])).toEqual([["a"]]);
});

test("without allocations nobody uses anything", async () => {
  await using dir = tempDir();
  expect(await findUsers(dir.file("nowhere"), [{ files: [{ dev: 1, ino: 1 }], names: 1 }])).toEqual([[]]);
});

test.skipIf(process.getuid?.() === 0)("a directory that a machine closed hides itself and nothing else", async () => {
  await using dir = tempDir();
  writeFileSync(dir.file("content"), "x");
  for (const name of ["a", "b"]) {
    mkdirSync(dir.file("alloc", name, "vm"), { recursive: true });
    linkSync(dir.file("content"), dir.file("alloc", name, "vm", "disk"));
  }
  chmodSync(dir.file("alloc", "a", "vm"), 0);
  const files = [statSync(dir.file("content"))];
  expect(await findUsers(dir.file("alloc"), [{ files, names: 2 }])).toEqual([["b"]]);
  chmodSync(dir.file("alloc", "a", "vm"), 0o700);
});
