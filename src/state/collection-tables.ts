import { type Allocation, isTerminal } from "../allocation/allocation.ts";
import type { Place } from "../allocation/place.ts";
import type { Collection, Evaluation, JobRecord } from "./records.ts";
import type { Rows } from "./rows.ts";

/** An allocation that has ended, as far as the store's columns tell. */
export interface EndedAllocation {
  readonly id: string;
  readonly jobId: string;
  /** When the last of its machines had ended, in milliseconds since 1970. */
  readonly endedAt: number;
}

/** What garbage collection asks of the store, and writes to it. */
export interface CollectionTables {
  /** Allocations that there are, ended or not. */
  countAllocations(): number;
  /** Those that have ended, whose end is longest ago first. @param after the last one that was looked at; undefined begins anew. */
  endedAllocations(after: EndedAllocation | undefined, limit: number): EndedAllocation[];
  /** Of these, those whose jobs are no more. */
  purgedAllocations(after: EndedAllocation | undefined, limit: number): EndedAllocation[];
  /** The newest allocation of a job in a place. */
  newestAt(jobId: string, place: Place): Allocation | undefined;

  /** Says that an allocation is removed. Nobody finds it any more; what belongs to it goes with `finishCollection`. */
  beginCollection(collection: Collection): void;
  /** Those that were begun and are not done. */
  openCollections(): Collection[];
  /** Those whose allocation's id begins so, at most two. */
  collections(prefix: string): Collection[];
  /** Forgets some of what happened to an allocation that is removed. @returns false when nothing is left. */
  dropHistory(allocationId: string): boolean;
  /** Says that all of an allocation is gone; only the last of these are remembered. */
  finishCollection(collection: Collection): void;
  /** Says that nobody wants to keep what the guests of an allocation wrote. */
  discard(allocationId: string): void;
  isDiscarded(allocationId: string): boolean;
  hasDiscards(): boolean;

  /**
   * Forgets some evaluations that were decided before and whose allocations are gone. That a job was stopped is remembered as long as an
   * allocation of it is there: its disk must not move along then.
   * @returns how many.
   */
  dropEvaluations(before: number): number;
  /** Whether `dropEvaluations` would find any. */
  hasForgettable(before: number): boolean;
  /** When the last allocation of a job had ended, in milliseconds since 1970; 0 when none has. */
  lastEnd(jobId: string): number;
  /** When the last evaluation of a job was made, in milliseconds since 1970; 0 when there is none. */
  lastEvaluation(jobId: string): number;
  /** Jobs of which no allocation is there. */
  jobsWithoutAllocations(): JobRecord[];
  /** Forgets the versions of a job that no allocation was placed for: all when the job is no more, else but the newest. */
  dropVersions(jobId: string): void;
  /** Forgets the versions of all jobs that are no more and have no allocation. Looks at every version that there is. */
  dropOrphanedVersions(): void;
}

/** Rows that are removed at once, in one transaction. */
const A_TURN = 1_000;

/** Versions of a job that are kept whether or not anything runs them: Nomad's `JobTrackedVersions`. */
const VERSIONS_KEPT = 6;

/** Allocations that were removed and can be told from those that never were. */
const REMEMBERED = 10_000;

const FORGETTABLE = `
  SELECT id FROM evaluations WHERE decided_at < ?
    AND NOT EXISTS (SELECT 1 FROM allocations WHERE eval_id = evaluations.id)
    AND NOT (json_extract(record, '$.triggeredBy') = 'job-deregister'
      AND EXISTS (SELECT 1 FROM allocations WHERE job_id = evaluations.job_id)) LIMIT ?`;

/** @param tell is called with the id of an allocation whose record goes. */
export function collectionTables(rows: Rows, tell: (allocationId: string) => void): CollectionTables {
  const put = (collection: Collection): void =>
    rows.run(
      "INSERT OR REPLACE INTO collections (allocation_id, job_id, done_at, record) VALUES (?, ?, ?, ?)",
      collection.allocationId,
      collection.jobId,
      collection.doneAt,
      JSON.stringify(collection),
    );
  return {
    ...endedReadings(rows),
    ...forgetting(rows),
    beginCollection: (collection) => {
      put(collection);
      rows.run("DELETE FROM allocations WHERE id = ?", collection.allocationId);
      tell(collection.allocationId);
    },
    openCollections: () => rows.all<Collection>("SELECT record FROM collections WHERE done_at IS NULL"),
    collections: (prefix) =>
      rows.all<Collection>(
        "SELECT record FROM collections WHERE allocation_id >= ?1 AND allocation_id < ?1 || 'g' LIMIT 2",
        prefix,
      ),
    dropHistory: (allocationId) => {
      const events = rows.change(
        "DELETE FROM task_events WHERE seq IN (SELECT seq FROM task_events WHERE allocation_id = ? LIMIT ?)",
        allocationId,
        A_TURN,
      );
      if (events === A_TURN) return true;
      for (const table of ["launches", "post_mortems"]) {
        rows.run(`DELETE FROM ${table} WHERE allocation_id = ?`, allocationId);
      }
      return false;
    },
    finishCollection: (collection) => {
      put(collection);
      rows.run("DELETE FROM discards WHERE allocation_id = ?", collection.allocationId);
      rows.run(
        `DELETE FROM collections WHERE allocation_id IN (
           SELECT allocation_id FROM collections WHERE done_at IS NOT NULL ORDER BY done_at DESC LIMIT -1 OFFSET ?)`,
        REMEMBERED,
      );
    },
    discard: (allocationId) => rows.run("INSERT OR IGNORE INTO discards (allocation_id) VALUES (?)", allocationId),
    isDiscarded: (allocationId) =>
      rows.text("SELECT allocation_id AS record FROM discards WHERE allocation_id = ?", allocationId) !== undefined,
    hasDiscards: () => rows.text("SELECT allocation_id AS record FROM discards LIMIT 1") !== undefined,
  };
}

function forgetting(
  rows: Rows,
): Pick<
  CollectionTables,
  | "dropEvaluations"
  | "hasForgettable"
  | "lastEnd"
  | "lastEvaluation"
  | "jobsWithoutAllocations"
  | "dropVersions"
  | "dropOrphanedVersions"
> {
  return {
    dropEvaluations: (before) => rows.change(`DELETE FROM evaluations WHERE id IN (${FORGETTABLE})`, before, A_TURN),
    hasForgettable: (before) =>
      rows.all<string>(`SELECT json_quote(id) AS record FROM (${FORGETTABLE})`, before, 1).length > 0,
    lastEnd: (jobId) =>
      Number(rows.text("SELECT CAST(max(ended_at) AS TEXT) AS record FROM allocations WHERE job_id = ?", jobId) ?? 0),
    lastEvaluation: (jobId) =>
      rows.one<Evaluation>("SELECT record FROM evaluations WHERE job_id = ? ORDER BY create_index DESC LIMIT 1", jobId)
        ?.createTime ?? 0,
    jobsWithoutAllocations: () =>
      rows.all<JobRecord>(
        "SELECT record FROM jobs WHERE NOT EXISTS (SELECT 1 FROM allocations WHERE job_id = jobs.id) ORDER BY id",
      ),
    dropVersions: (jobId) =>
      rows.run(
        `DELETE FROM job_versions WHERE id = ?1
           AND version NOT IN (SELECT json_extract(record, '$.jobVersion') FROM allocations WHERE job_id = ?1)
           AND version <= coalesce((SELECT json_extract(record, '$.version') - ?2 FROM jobs WHERE id = ?1), version)`,
        jobId,
        VERSIONS_KEPT,
      ),
    dropOrphanedVersions: () =>
      rows.run(
        "DELETE FROM job_versions WHERE id NOT IN (SELECT id FROM jobs) AND id NOT IN (SELECT job_id FROM allocations)",
      ),
  };
}

function endedReadings(
  rows: Rows,
): Pick<CollectionTables, "countAllocations" | "endedAllocations" | "purgedAllocations" | "newestAt"> {
  const endedPage = (where: string, after: EndedAllocation | undefined, limit: number): EndedAllocation[] =>
    rows.columns<EndedAllocation>(
      `SELECT id, job_id AS jobId, ended_at AS endedAt FROM allocations
         WHERE ended_at IS NOT NULL AND (ended_at, id) > (?, ?) ${where} ORDER BY ended_at, id LIMIT ?`,
      after?.endedAt ?? Number.MIN_SAFE_INTEGER,
      after?.id ?? "",
      limit,
    );
  return {
    countAllocations: () => rows.one<number>("SELECT CAST(count(*) AS TEXT) AS record FROM allocations") ?? 0,
    endedAllocations: (after, limit) => endedPage("", after, limit),
    purgedAllocations: (after, limit) =>
      endedPage("AND NOT EXISTS (SELECT 1 FROM jobs WHERE jobs.id = allocations.job_id)", after, limit),
    newestAt: (jobId, { group, index }) =>
      rows.one<Allocation>(
        `SELECT record FROM allocations
           WHERE job_id = ? AND json_extract(record, '$.group') = ? AND json_extract(record, '$.index') = ?
           ORDER BY create_index DESC LIMIT 1`,
        jobId,
        group,
        index,
      ),
  };
}

/** When the last machine of an allocation had ended, for the store's column; null while one has not. */
export function endedAt(allocation: Allocation): number | null {
  if (!isTerminal(allocation)) return null;
  const ends = Object.values(allocation.tasks).map(({ machine }) => (machine.kind === "ended" ? machine.ending.at : 0));
  return wholeNumber(Math.max(...ends)) ?? wholeNumber(allocation.modifyTime) ?? 0;
}

/** When an evaluation had its last word, for the store's column; null while it waits. */
export function decidedAt({ status, createTime, modifyTime }: Evaluation): number | null {
  return status === "blocked" ? null : (wholeNumber(modifyTime ?? createTime) ?? 0);
}

const wholeNumber = (value: number): number | undefined => (Number.isFinite(value) ? Math.round(value) : undefined);
