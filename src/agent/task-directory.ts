import { chmodSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { makePassable } from "../base/files.ts";
import type { TaskDirs } from "../paths.ts";

/**
 * Makes the directories of an allocation and its task in Nomad's layout; those that exist stay as they are. All of it is closed to
 * the host's other users, unlike Nomad's: disks, logs and artifacts are the guest's, and its id stands in every process list.
 */
export function makeTaskDirectories(dirs: TaskDirs): void {
  // Others may pass through to a path they know, but not list what is there.
  makePassable(dirname(dirs.alloc));
  mkdirSync(dirs.alloc, { recursive: true, mode: 0o700 });
  const shared = [dirs.shared, dirs.logs, join(dirs.shared, "data"), join(dirs.shared, "tmp")];
  for (const path of [...shared, dirs.task, dirs.local, dirs.tmp]) {
    mkdirSync(path, { recursive: true, mode: 0o755 });
  }
  for (const path of [dirs.secrets, dirs.machine]) {
    // One that was there may be a link that a machine has planted, and is left alone.
    if (mkdirSync(path, { recursive: true, mode: 0o700 }) !== undefined) chmodSync(path, 0o700);
  }
}
