import { closeSync, fsync, openSync } from "node:fs";
import { promisify } from "node:util";

const syncFile = promisify(fsync);

/**
 * Brings to the disk what SQLite has written to the log of a store (WAL) and not synced, beside this thread. A descriptor of its own
 * does no harm there: SQLite's locks are on the store's other files. What has left the log by then was synced before.
 * @param path of the store. @throws system errors, `ENOENT` for a store without such a log.
 */
export async function syncLog(path: string): Promise<void> {
  const fd = openSync(`${path}-wal`, "r");
  try {
    await syncFile(fd);
  } finally {
    closeSync(fd);
  }
}
