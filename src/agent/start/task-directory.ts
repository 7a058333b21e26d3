import { chmodSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { makePassable } from "../../base/files.ts";
import type { TaskDirs } from "../../paths.ts";

/**
 * Makes the directories of an allocation and its task in Nomad's layout; those that exist stay as they are. All of it is closed to
 * the host's other users, unlike Nomad's: disks, logs and artifacts are the guest's, and its id stands in every process list.
 */
export function makeTaskDirectories(dirs: TaskDirs): void {
  // Others may pass through to a path they know, but not list what is there.
  makePassable(dirname(dirs.alloc));
  for (const { path, mode, exact } of taskLayout(dirs)) {
    // One that was there may be a link that a machine has planted, and is left alone.
    if (mkdirSync(path, { recursive: true, mode }) !== undefined && exact) chmodSync(path, mode);
  }
}

/** The directories of a task, parents before what is in them. */
export function taskLayout(dirs: TaskDirs): readonly {
  readonly path: string;
  readonly mode: number;
  /** Whether the mode holds whatever the agent's umask is. */
  readonly exact: boolean;
}[] {
  const shared = [dirs.shared, dirs.logs, join(dirs.shared, "data"), join(dirs.shared, "tmp")];
  const open = [...shared, dirs.task, dirs.local, dirs.tmp];
  return [
    { path: dirs.alloc, mode: 0o700, exact: false },
    ...open.map((path) => ({ path, mode: 0o755, exact: false })),
    ...[dirs.secrets, dirs.machine].map((path) => ({ path, mode: 0o700, exact: true })),
  ];
}
