import { lstatSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import type { Allocation } from "../allocation/allocation.ts";
import { AppError, errorText } from "../base/errors.ts";
import { MIGRATIONS } from "./migrations.ts";
import type { Collection } from "./records.ts";

/** What a store says without being opened by its agent. */
export interface StoreLook {
  /** Of the schema. */
  readonly version: number;
  /** The newest that this version of the program knows. */
  readonly known: number;
  /** Every allocation; empty when the schema is newer than what is known. */
  readonly allocations: readonly Allocation[];
  /** Allocations that are being removed: their directories may still be there. */
  readonly removing: readonly Pick<Collection, "allocationId" | "trouble">[];
}

/** The version of the schema from which on there are collections. */
const COLLECTIONS_SINCE = 3;

function readRemoving(database: DatabaseSync): Collection[] {
  const rows = database.prepare("SELECT record FROM collections WHERE done_at IS NULL").all();
  return (rows as { record: string }[]).map(({ record }) => JSON.parse(record) as Collection);
}

/**
 * Looks into a store without changing it, also while an agent has it open.
 * @returns undefined when there is none.
 * @throws AppError `unavailable` when it may not be read or is none.
 */
export function lookIntoStore(path: string): StoreLook | undefined {
  let database: DatabaseSync | undefined;
  try {
    const there = lstatSync(path, { throwIfNoEntry: false });
    if (there === undefined) return undefined;
    if (!there.isFile()) throw new Error("not a regular file");
    database = new DatabaseSync(path, { readOnly: true });
    const { user_version: version } = database.prepare("PRAGMA user_version").get() as { user_version: number };
    const known = MIGRATIONS.length;
    if (version === 0 || version > known) return { version, known, allocations: [], removing: [] };
    const rows = database.prepare("SELECT record FROM allocations").all() as { record: string }[];
    const allocations = rows.map(({ record }) => JSON.parse(record) as Allocation);
    return { version, known, allocations, removing: version < COLLECTIONS_SINCE ? [] : readRemoving(database) };
  } catch (error) {
    throw new AppError("unavailable", `the store ${path} cannot be read: ${errorText(error)}`, { cause: error });
  } finally {
    database?.close();
  }
}
