import { expect, test } from "bun:test";
import { chmodSync, statSync } from "node:fs";
import { makeTaskDirectories } from "../../../../src/agent/start/task-directory.ts";
import { allocsDir, taskDirs } from "../../../../src/paths.ts";
import { tempDir } from "../../../helpers/temp.ts";

const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8);

test("a machine's user gets to its directory under a strict umask, and sees no other's name", async () => {
  await using dir = tempDir();
  const agent = { dataDir: dir.path, runDir: dir.path };
  const umask = process.umask(0o077);
  try {
    makeTaskDirectories(taskDirs(agent, "one", "vm"));
    expect(modeOf(allocsDir(agent))).toBe("711");
    expect(modeOf(taskDirs(agent, "one", "vm").alloc)).toBe("700");
    // What somebody has closed stays so.
    chmodSync(allocsDir(agent), 0o700);
    makeTaskDirectories(taskDirs(agent, "two", "vm"));
    expect(modeOf(allocsDir(agent))).toBe("700");
  } finally {
    process.umask(umask);
  }
});
