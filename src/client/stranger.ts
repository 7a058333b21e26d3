import { lstatSync } from "node:fs";
import { dirname } from "node:path";
import { SYSTEM_RUN_DIR } from "../paths.ts";

const WRITABLE_BY_ALL = 0o002;

/**
 * Whose a default socket is when it is neither this user's nor the host's: without XDG_RUNTIME_DIR the user's own place is below /tmp,
 * where anybody may have been first, and a job file holds secrets.
 * @returns undefined when it may be talked to. @throws system errors.
 */
export function strangerAt(path: string, uid: number): string | undefined {
  const dir = dirname(path);
  if (dir === SYSTEM_RUN_DIR) return undefined;
  const stat = lstatSync(dir);
  const isClosed = stat.isDirectory() && (stat.mode & WRITABLE_BY_ALL) === 0;
  if (isClosed && (stat.uid === uid || stat.uid === 0)) return undefined;
  return isClosed ? `somebody answers, but ${dir} belongs to user ${stat.uid}` : `anybody may answer in ${dir}`;
}
