import { chmodSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";

/** Where guests that were built stay; a fresh checkout has none. */
export const CACHE = join(import.meta.dirname, "..", "..", ".cache");

/**
 * The directory of a guest's files, built on the first call.
 * @param key names everything that goes into them, in letters, digits and dashes.
 * @param build puts them into the directory that it is given.
 */
export function buildOnce(key: string, build: (part: string) => void): string {
  const home = join(CACHE, key);
  if (existsSync(home)) return home;
  mkdirSync(CACHE, { recursive: true });
  const part = mkdtempSync(join(CACHE, `${key.split("-")[0]}-part-`));
  try {
    build(part);
    chmodSync(part, 0o755); // tests that run as another user read it too
    publish(part, home);
  } finally {
    rmSync(part, { recursive: true, force: true });
  }
  return home;
}

/** Moves a finished directory to its name; when another builder was first, its work stays and ours goes. */
function publish(part: string, home: string): void {
  try {
    renameSync(part, home);
  } catch (error) {
    if (!existsSync(home)) throw error;
  }
}
