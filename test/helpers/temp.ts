import { chmodSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface TempDir extends AsyncDisposable {
  /** Absolute and without symbolic links; short, so that sockets fit below it. */
  readonly path: string;
  /** An absolute path below it. */
  file(...names: string[]): string;
}

/** What every temporary directory of the tests is called, up to its random end. */
export const TEMP_PREFIX = "paddock-test-";

/** Makes a directory in `parent` that goes with everything in it at the end of the `await using` block. */
export function tempDir(parent = tmpdir()): TempDir {
  const path = realpathSync(mkdtempSync(join(parent, TEMP_PREFIX)));
  // The users of machines pass through to what is theirs, as they do in a real data directory.
  chmodSync(path, 0o711);
  return {
    path,
    file: (...names) => join(path, ...names),
    [Symbol.asyncDispose]: async () => rmSync(path, { recursive: true, force: true, maxRetries: 3 }),
  };
}
