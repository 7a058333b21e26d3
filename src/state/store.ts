import type { DatabaseSync } from "node:sqlite";
import { type Allocation, isTerminal } from "../allocation/allocation.ts";
import type { PostMortem } from "../allocation/post-mortem.ts";
import type { TaskEvent } from "../allocation/task-event.ts";
import { AppError, errorText } from "../base/errors.ts";
import type { LaunchPlan } from "../qemu/launch.ts";
import { type CollectionTables, collectionTables, endedAt } from "./collection-tables.ts";
import { openDatabase } from "./database.ts";
import { syncLog } from "./disk-sync.ts";
import { evaluationTable } from "./evaluation-table.ts";
import { type LiveAllocations, liveAllocations, oldestFirst, type Placed } from "./live-allocations.ts";
import type { Evaluation, JobRecord } from "./records.ts";
import { NO_RESERVE, type Reserve } from "./reserve.ts";
import { createRows, type Rows } from "./rows.ts";
import { startTables } from "./start-tables.ts";
import { type TokenTable, tokenTable } from "./token-table.ts";
import { StoreListeners, type WrittenListener } from "./written.ts";

/** By the beginning of the id and by job; those that are left out do not choose. */
export interface AllocationFilter {
  readonly prefix?: string;
  readonly jobId?: string;
}

/** What the agent remembers. Every write is on disk when the call returns, but in a transaction that says otherwise. */
export interface Store extends CollectionTables, TokenTable {
  fact(name: string): string | undefined;
  setFact(name: string, value: string): void;

  job(id: string): JobRecord | undefined;
  /** Sorted by id. */
  jobs(prefix: string): JobRecord[];
  jobVersion(id: string, version: number): JobRecord | undefined;
  /** Newest first. */
  jobVersions(id: string): JobRecord[];
  /** The number of a job's last version; undefined when it has none. */
  lastVersion(id: string): number | undefined;
  putJob(record: JobRecord): void;
  /** Forgets a job; its versions stay because its allocations refer to them. */
  deleteJob(id: string): void;

  allocation(id: string): Allocation | undefined;
  /** Oldest first. */
  allocations(filter: AllocationFilter): Allocation[];
  /** The ids of `allocations`: an index has them, and no record is read. */
  allocationIds(filter: AllocationFilter): string[];
  /** Calls a listener with the id of each allocation that is written, also when the transaction fails in the end. */
  whenWritten(listener: (allocationId: string) => void): void;
  /** The same with whatever is written of jobs, allocations and evaluations. */
  whenChanged(listener: WrittenListener): void;
  /** Those that have not ended, oldest first. */
  liveAllocations(): Allocation[];
  putAllocation(allocation: Allocation): void;

  appendEvent(allocationId: string, task: string, event: TaskEvent): void;
  /** The whole history, oldest first. */
  events(allocationId: string, task: string): TaskEvent[];

  /** The newest of the history between two times, oldest first; in milliseconds since 1970, both ends included. */
  eventsBetween(allocationId: string, task: string, times: { from: number; to: number; limit: number }): TaskEvent[];

  /** Plans of starts whose ends are forgotten are forgotten, too. */
  putLaunch(allocationId: string, task: string, generation: number, plan: LaunchPlan): void;
  launch(allocationId: string, task: string, generation: number): LaunchPlan | undefined;
  /** The plan of the last start. */
  lastLaunch(allocationId: string, task: string): LaunchPlan | undefined;

  /** Keeps the last ends of a task. */
  putPostMortem(allocationId: string, task: string, postMortem: PostMortem): void;
  /** Newest first. */
  postMortems(allocationId: string, task: string): PostMortem[];

  putEvaluation(evaluation: Evaluation): void;
  evaluation(id: string): Evaluation | undefined;
  /** Oldest first. */
  evaluations(filter: { readonly jobId?: string }): Evaluation[];

  /**
   * Runs `work` so that all its writes are kept or none.
   * @param synced false leaves it to the next write to bring them to the disk. Until then a power cut takes them; nothing else does.
   */
  transaction<T>(work: () => T, synced?: boolean): T;
  /** Brings to the disk what transactions left to the next write, beside this thread. @throws as `syncLog` does. */
  sync(): Promise<void>;
  close(): void;
}

/**
 * @param reserve room that is given free when there is none to open the store in.
 * @throws AppError `conflict` or `internal`, see `openDatabase`.
 */
export function openStore(path: string, reserve: Reserve = NO_RESERVE): Store {
  const database = openWithRoom(path, reserve);
  const rows = createRows(database, path);
  const listeners = new StoreListeners();
  const live = liveAllocations(() => rows.all<Allocation>("SELECT record FROM allocations WHERE terminal = 0"));
  return {
    fact: (name) => rows.text("SELECT value AS record FROM facts WHERE name = ?", name),
    setFact: (name, value) => rows.run("INSERT OR REPLACE INTO facts (name, value) VALUES (?, ?)", name, value),
    ...jobTable(rows, database, listeners),
    ...allocationTable(rows, live, listeners),
    ...startTables(rows),
    ...evaluationTable(rows, listeners),
    ...tokenTable(rows),
    ...collectionTables(rows, (id) => {
      live.remove(id);
      listeners.tellId(id);
    }),
    whenWritten: (listener) => listeners.ofIds(listener),
    whenChanged: (listener) => listeners.ofChanges(listener),
    transaction: (work, synced) => {
      try {
        return inTransaction(database, work, synced);
      } catch (error) {
        live.forget();
        throw error;
      }
    },
    sync: () => syncLog(path),
    close: () => database.close(),
  };
}

function openWithRoom(path: string, reserve: Reserve): DatabaseSync {
  for (;;) {
    try {
      return openDatabase(path);
    } catch (error) {
      const mayBeFull = error instanceof AppError && error.code === "internal";
      if (!mayBeFull || !reserve.release()) throw error;
    }
  }
}

function jobTable(rows: Rows, database: DatabaseSync, listeners: StoreListeners) {
  return {
    job: (id: string) => rows.one<JobRecord>("SELECT record FROM jobs WHERE id = ?", id),
    jobs: (prefix: string) =>
      rows.all<JobRecord>("SELECT record FROM jobs WHERE substr(id, 1, length(?1)) = ?1 ORDER BY id", prefix),
    jobVersion: (id: string, version: number) =>
      rows.one<JobRecord>("SELECT record FROM job_versions WHERE id = ? AND version = ?", id, version),
    jobVersions: (id: string) =>
      rows.all<JobRecord>("SELECT record FROM job_versions WHERE id = ? ORDER BY version DESC", id),
    lastVersion: (id: string) =>
      rows.columns<{ version: number | null }>("SELECT max(version) AS version FROM job_versions WHERE id = ?", id)[0]
        ?.version ?? undefined,
    putJob: (record: JobRecord) => {
      const text = JSON.stringify(record);
      inTransaction(database, () => {
        rows.run(
          "INSERT INTO jobs (id, record) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET record = excluded.record",
          record.job.id,
          text,
        );
        rows.run(
          `INSERT INTO job_versions (id, version, record) VALUES (?, ?, ?)
             ON CONFLICT (id, version) DO UPDATE SET record = excluded.record`,
          record.job.id,
          record.version,
          text,
        );
      });
      listeners.tellJob(record, false, text);
    },
    deleteJob: (id: string) => {
      const text = rows.text("SELECT record FROM jobs WHERE id = ?", id);
      rows.run("DELETE FROM jobs WHERE id = ?", id);
      if (text !== undefined) listeners.tellJob(JSON.parse(text) as JobRecord, true, text);
    },
  };
}

function allocationTable(rows: Rows, live: LiveAllocations, listeners: StoreListeners) {
  return {
    allocation: (id: string) => rows.one<Allocation>("SELECT record FROM allocations WHERE id = ?", id),
    // Sorted here: three times as fast as in SQLite, which carries the records through its sort.
    allocations: (filter: AllocationFilter) =>
      rows.all<Allocation>(`SELECT record FROM ${chosen(filter)}`, ...choice(filter)).sort(oldestFirst),
    allocationIds: (filter: AllocationFilter) =>
      rows
        .columns<Placed>(`SELECT id, create_index AS createIndex FROM ${chosen(filter)}`, ...choice(filter))
        .sort(oldestFirst)
        .map(({ id }) => id),
    liveAllocations: () => live.all(),
    putAllocation: (allocation: Allocation) => {
      const text = JSON.stringify(allocation);
      rows.run(
        // In its place: a row that is replaced moves, and each of its indexes with it.
        `INSERT INTO allocations (id, job_id, create_index, terminal, ended_at, eval_id, record) VALUES (?, ?, ?, ?, ?, ?, ?)
           ON CONFLICT (id) DO UPDATE SET terminal = excluded.terminal, ended_at = excluded.ended_at,
             eval_id = excluded.eval_id, record = excluded.record`,
        allocation.id,
        allocation.jobId,
        allocation.createIndex,
        isTerminal(allocation) ? 1 : 0,
        endedAt(allocation),
        allocation.evalId ?? "",
        text,
      );
      const before = live.get(allocation.id);
      live.put(allocation);
      listeners.tellId(allocation.id);
      listeners.tellChange({ kind: "allocation", allocation, before }, text.length);
    },
    appendEvent: (allocationId: string, task: string, event: TaskEvent) =>
      rows.run(
        "INSERT INTO task_events (allocation_id, task, time, record) VALUES (?, ?, ?, ?)",
        allocationId,
        task,
        Math.round(event.time),
        JSON.stringify(event),
      ),
    events: (allocationId: string, task: string) =>
      rows.all<TaskEvent>(
        "SELECT record FROM task_events WHERE allocation_id = ? AND task = ? ORDER BY seq",
        allocationId,
        task,
      ),
    eventsBetween: (
      allocationId: string,
      task: string,
      { from, to, limit }: { readonly from: number; readonly to: number; readonly limit: number },
    ) =>
      rows
        .all<TaskEvent>(
          "SELECT record FROM task_events WHERE allocation_id = ? AND task = ? AND time >= ? AND time <= ? ORDER BY seq DESC LIMIT ?",
          allocationId,
          task,
          Math.floor(from),
          Math.ceil(to),
          limit,
        )
        .reverse(),
  };
}

const chosen = ({ jobId }: AllocationFilter): string =>
  `allocations WHERE ${jobId === undefined ? "" : "job_id = ?2 AND "}substr(id, 1, length(?1)) = ?1`;

const choice = ({ prefix = "", jobId }: AllocationFilter): string[] => [
  prefix,
  ...(jobId === undefined ? [] : [jobId]),
];

/** A full disk makes SQLite roll back by itself. */
function rollBack(database: DatabaseSync): void {
  try {
    database.exec("ROLLBACK");
  } catch (error) {
    if (!/no transaction is active/.test(errorText(error))) throw error;
  }
}

const depths = new WeakMap<DatabaseSync, number>();

function inTransaction<T>(database: DatabaseSync, work: () => T, synced = true): T {
  const depth = depths.get(database) ?? 0;
  if (depth > 0) return work();
  // A commit brings the whole log to the disk, with what was left to it.
  if (!synced) database.exec("PRAGMA synchronous = NORMAL");
  try {
    return inOneTransaction(database, work);
  } finally {
    if (!synced) database.exec("PRAGMA synchronous = FULL");
  }
}

function inOneTransaction<T>(database: DatabaseSync, work: () => T): T {
  database.exec("BEGIN IMMEDIATE");
  depths.set(database, 1);
  try {
    const result = work();
    database.exec("COMMIT");
    return result;
  } catch (error) {
    rollBack(database);
    throw error;
  } finally {
    depths.set(database, 0);
  }
}
