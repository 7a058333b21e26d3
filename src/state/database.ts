import { DatabaseSync } from "node:sqlite";
import { AppError, errorText } from "../base/errors.ts";
import { MIGRATIONS } from "./migrations.ts";

/** How long a write waits for another reader or writer, in milliseconds. */
const BUSY_TIMEOUT = 5_000;

/**
 * Opens the store's file and brings its schema up to this version.
 * @throws AppError `conflict` when a newer version of this program wrote it, `internal` when it cannot be opened.
 */
export function openDatabase(path: string): DatabaseSync {
  let database: DatabaseSync;
  try {
    database = new DatabaseSync(path);
    // FULL, because an acknowledged write must survive a power cut.
    database.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT}; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;`);
  } catch (error) {
    throw new AppError("internal", `cannot open the store ${path}: ${errorText(error)}`, {
      cause: error,
      hint: "see that the directory is writable, and that the file is an SQLite database",
    });
  }
  try {
    migrate(database, path);
  } catch (error) {
    database.close();
    throw error;
  }
  return database;
}

function migrate(database: DatabaseSync, path: string): void {
  const row = database.prepare("PRAGMA user_version").get() as { user_version: number };
  if (row.user_version > MIGRATIONS.length) {
    throw new AppError(
      "conflict",
      `the store ${path} has schema version ${row.user_version}, this paddock knows versions up to ${MIGRATIONS.length}`,
      { hint: "a newer paddock wrote it: run that version again, or give this one another data_dir" },
    );
  }
  for (let version = row.user_version; version < MIGRATIONS.length; version++) {
    database.exec(`BEGIN IMMEDIATE; ${MIGRATIONS[version]}; PRAGMA user_version = ${version + 1}; COMMIT;`);
  }
}

/**
 * Takes the lock that makes an agent the only one of its data directory. The kernel lets it go when the process ends, however it
 * ends.
 * @returns null when another process holds it.
 */
export function takeLock(path: string): { release(): void } | null {
  const database = new DatabaseSync(path);
  try {
    database.exec("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE;");
  } catch (error) {
    database.close();
    if (/locked|busy/i.test(errorText(error))) return null;
    throw new AppError("internal", `cannot lock ${path}: ${errorText(error)}`, { cause: error });
  }
  return { release: () => database.close() };
}
