import { chmodSync, lstatSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { AppError, errnoOf } from "../base/errors.ts";
import { type AgentDirs, apiSocket, lockFile } from "../paths.ts";
import { takeLock } from "../state/database.ts";

/**
 * Makes the agent's directories; one that is there already keeps its mode.
 * @throws AppError `invalid` when a directory is somebody else's or everybody's, `unavailable` when one cannot be made.
 */
export function makePlace(dirs: AgentDirs): void {
  // A machine's user may pass through to what it is shown, but not list.
  makeDirectory(dirs.dataDir, 0o711);
  makeDirectory(dirs.runDir, 0o711);
}

const WRITABLE_BY_ALL = 0o002;

function makeDirectory(path: string, mode: number): void {
  try {
    const made = mkdirSync(path, { recursive: true, mode }) !== undefined;
    const stat = lstatSync(path);
    // In a directory that everyone may write, such as /tmp, somebody else may have been first.
    if (!stat.isDirectory() || stat.uid !== process.getuid?.()) {
      throw new AppError("invalid", `${path} is not a directory of this user`, {
        hint: "remove it, or give the agent other directories with data_dir and run_dir",
      });
    }
    // The umask may have taken bits away. The mode of a directory that was there is its owner's: it may be a /tmp.
    if (made) chmodSync(path, mode);
    else if ((stat.mode & WRITABLE_BY_ALL) !== 0) {
      throw new AppError("invalid", `everybody may write to ${path}, which the agent needs for itself`, {
        hint: `name a directory below it, such as ${join(path, "paddock")}`,
      });
    }
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw new AppError("unavailable", `cannot make the directory ${path}: ${errnoOf(error) ?? String(error)}`, {
      cause: error,
      hint: "run the agent as a user that may write there, or set data_dir and run_dir in its configuration",
    });
  }
}

/** Makes this process the one agent of its data directory. @throws AppError `conflict` when another one runs. */
export function lockPlace(dirs: AgentDirs): { release(): void } {
  const lock = takeLock(lockFile(dirs));
  if (lock !== null) return lock;
  throw new AppError("conflict", `another agent runs with the data directory ${dirs.dataDir}`, {
    hint: `talk to it at ${apiSocket(dirs)}, stop it, or give this one another data_dir`,
  });
}
