import { chmodSync, closeSync, lstatSync, openSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { AppError, errorText } from "../base/errors.ts";
import { MIGRATIONS } from "./migrations.ts";

/** How long a write waits for another reader or writer, in milliseconds. */
const BUSY_TIMEOUT = 5_000;

/** A store of this name is forgotten when it is closed. */
export const IN_MEMORY = ":memory:";

/**
 * Opens the store's file and brings its schema up to this version.
 * @throws AppError `conflict` when a newer version of this program wrote it, `internal` when it cannot be opened.
 */
export function openDatabase(path: string): DatabaseSync {
  let database: DatabaseSync;
  try {
    if (path !== IN_MEMORY) makePrivate(path);
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
    throw error instanceof AppError ? error : damaged(path, error);
  }
  return database;
}

/** The error for a store that was opened and cannot be read or brought up to date. */
export function damaged(path: string, error: unknown): AppError {
  return new AppError("internal", `cannot use the store ${path}: ${errorText(error)}`, {
    cause: error,
    hint: "is the disk full? else put back a copy of the file, or move it away: the agent then knows of no machine that still runs",
  });
}

/**
 * Makes sure of a file that its owner alone may read: jobs hold credentials, and others may pass through the data directory. SQLite
 * gives its other files the same mode.
 */
function makePrivate(path: string): void {
  const there = lstatSync(path, { throwIfNoEntry: false });
  if (there === undefined) closeSync(openSync(path, "wx", 0o600));
  else if (!there.isFile()) throw new Error("not a regular file");
  // By name: to close a descriptor of a file that SQLite has open would drop this process's locks on it.
  else chmodSync(path, 0o600);
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

/** How long a lock is waited for, in milliseconds: a process that was killed holds its locks until the kernel has taken it apart. */
const LOCK_TIMEOUT = 2_000;

/**
 * Takes the lock that makes an agent the only one of its data directory. The kernel lets it go when the process ends, however it
 * ends, and a moment later. Blocks the thread while another process holds it.
 * @param timeout milliseconds until it counts as held by a process that lives.
 * @returns null when another process holds it.
 * @throws AppError `internal` when there is something else than a lock of ours.
 */
export function takeLock(path: string, timeout = LOCK_TIMEOUT): { release(): void } | null {
  let database: DatabaseSync | undefined;
  try {
    if (path !== IN_MEMORY) makePrivate(path);
    database = new DatabaseSync(path);
    database.exec(`PRAGMA busy_timeout = ${timeout}; PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = MEMORY;`);
    database.exec("BEGIN EXCLUSIVE;");
    const held = database;
    return { release: () => held.close() };
  } catch (error) {
    database?.close();
    if (/locked|busy/i.test(errorText(error))) return null;
    throw new AppError("internal", `cannot lock ${path}: ${errorText(error)}`, {
      cause: error,
      hint: "the file is an empty one of the agent's own: when no agent runs, remove what is there",
    });
  }
}
