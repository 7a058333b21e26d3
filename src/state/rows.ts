import type { DatabaseSync, SQLInputValue } from "node:sqlite";
import { damaged } from "./database.ts";

/** Statements over records that are JSON in a column called `record`. */
export interface Rows {
  run(sql: string, ...values: SQLInputValue[]): void;
  /** The same. @returns how many rows it changed. */
  change(sql: string, ...values: SQLInputValue[]): number;
  text(sql: string, ...values: SQLInputValue[]): string | undefined;
  one<T>(sql: string, ...values: SQLInputValue[]): T | undefined;
  all<T>(sql: string, ...values: SQLInputValue[]): T[];
  /** Rows of columns instead of records. */
  columns<T>(sql: string, ...values: SQLInputValue[]): T[];
}

/** @param path of the store, for messages. */
export function createRows(database: DatabaseSync, path: string): Rows {
  const statements = new Map<string, ReturnType<DatabaseSync["prepare"]>>();
  const prepare = (sql: string): ReturnType<DatabaseSync["prepare"]> => {
    const known = statements.get(sql);
    if (known !== undefined) return known;
    const statement = database.prepare(sql);
    statements.set(sql, statement);
    return statement;
  };
  const read = <T>(work: () => T): T => {
    try {
      return work();
    } catch (error) {
      throw damaged(path, error);
    }
  };
  const text = (sql: string, ...values: SQLInputValue[]): string | undefined =>
    read(() => (prepare(sql).get(...values) as { record: string } | undefined)?.record);
  return {
    run: (sql, ...values) => void prepare(sql).run(...values),
    change: (sql, ...values) => Number(prepare(sql).run(...values).changes),
    text,
    one: <T>(sql: string, ...values: SQLInputValue[]) => {
      const found = text(sql, ...values);
      return found === undefined ? undefined : read(() => JSON.parse(found) as T);
    },
    all: <T>(sql: string, ...values: SQLInputValue[]) =>
      read(() => (prepare(sql).all(...values) as { record: string }[]).map((row) => JSON.parse(row.record) as T)),
    columns: <T>(sql: string, ...values: SQLInputValue[]) => read(() => prepare(sql).all(...values) as T[]),
  };
}
