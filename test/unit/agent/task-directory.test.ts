import { expect, test } from "bun:test";
import { existsSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeTaskDirectories } from "../../../src/agent/task-directory.ts";
import { taskDirs } from "../../../src/paths.ts";
import { tempDir } from "../../helpers/temp.ts";

const mode = (path: string): number => statSync(path).mode & 0o777;

test("an allocation's directories are closed to the host's other users", async () => {
  await using dir = tempDir();
  const dirs = taskDirs({ dataDir: dir.path, runDir: dir.path }, "a1", "vm");
  makeTaskDirectories(dirs);
  expect(mode(dir.file("alloc"))).toBe(0o711);
  expect(mode(dirs.alloc)).toBe(0o700);
  expect(mode(dirs.secrets)).toBe(0o700);
  expect(mode(dirs.machine)).toBe(0o700);
  for (const path of [dirs.local, dirs.tmp, dirs.logs, join(dirs.shared, "data")]) expect(existsSync(path)).toBe(true);
});

test("directories that are there keep what is in them", async () => {
  await using dir = tempDir();
  const dirs = taskDirs({ dataDir: dir.path, runDir: dir.path }, "a1", "vm");
  mkdirSync(dirs.local, { recursive: true });
  writeFileSync(join(dirs.local, "disk.img"), "data");
  makeTaskDirectories(dirs);
  expect(existsSync(join(dirs.local, "disk.img"))).toBe(true);
});
