/**
 * The store's schema, one entry a version, in order; an entry that was released is never changed. Records are JSON in the words
 * of our types; columns exist for what is looked up by.
 */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE jobs (id TEXT PRIMARY KEY, record TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE job_versions (
    id TEXT NOT NULL, version INTEGER NOT NULL, record TEXT NOT NULL, PRIMARY KEY (id, version)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE allocations (
    id TEXT PRIMARY KEY, job_id TEXT NOT NULL, create_index INTEGER NOT NULL, terminal INTEGER NOT NULL, record TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX allocations_by_job ON allocations (job_id, create_index);
  CREATE INDEX allocations_alive ON allocations (terminal) WHERE terminal = 0;
  CREATE TABLE task_events (
    seq INTEGER PRIMARY KEY, allocation_id TEXT NOT NULL, task TEXT NOT NULL, time INTEGER NOT NULL, record TEXT NOT NULL
  ) STRICT;
  CREATE INDEX task_events_by_task ON task_events (allocation_id, task, seq);
  CREATE TABLE launches (
    allocation_id TEXT NOT NULL, task TEXT NOT NULL, generation INTEGER NOT NULL, plan TEXT NOT NULL,
    PRIMARY KEY (allocation_id, task, generation)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE evaluations (
    id TEXT PRIMARY KEY, job_id TEXT NOT NULL, create_index INTEGER NOT NULL, record TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX evaluations_by_job ON evaluations (job_id, create_index);
  `,
  `
  CREATE TABLE post_mortems (
    allocation_id TEXT NOT NULL, task TEXT NOT NULL, generation INTEGER NOT NULL, record TEXT NOT NULL,
    PRIMARY KEY (allocation_id, task, generation)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  ALTER TABLE allocations ADD COLUMN ended_at INTEGER;
  ALTER TABLE allocations ADD COLUMN eval_id TEXT NOT NULL DEFAULT '';
  UPDATE allocations SET
    eval_id = coalesce(json_extract(record, '$.evalId'), ''),
    ended_at = CASE terminal WHEN 1 THEN CAST(round(coalesce(
      (SELECT max(json_extract(task.value, '$.machine.ending.at')) FROM json_each(allocations.record, '$.tasks') AS task),
      json_extract(record, '$.modifyTime'), 0)) AS INTEGER) END;
  CREATE INDEX allocations_ended ON allocations (ended_at, id) WHERE ended_at IS NOT NULL;
  CREATE INDEX allocations_by_evaluation ON allocations (eval_id);
  ALTER TABLE evaluations ADD COLUMN decided_at INTEGER;
  UPDATE evaluations SET decided_at = CASE json_extract(record, '$.status') WHEN 'blocked' THEN NULL ELSE
    CAST(round(coalesce(json_extract(record, '$.modifyTime'), json_extract(record, '$.createTime'), 0)) AS INTEGER) END;
  CREATE INDEX evaluations_decided ON evaluations (decided_at) WHERE decided_at IS NOT NULL;
  CREATE TABLE collections (
    allocation_id TEXT PRIMARY KEY, job_id TEXT NOT NULL, done_at INTEGER, record TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE discards (allocation_id TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
  CREATE INDEX collections_open ON collections (allocation_id) WHERE done_at IS NULL;
  CREATE INDEX collections_done ON collections (done_at) WHERE done_at IS NOT NULL;
  `,
  // Records apart from what they are looked up by: in a table WITHOUT ROWID each comparison of a key reads the whole long record beside it.
  `
  ALTER TABLE jobs RENAME TO former_jobs;
  CREATE TABLE jobs (id TEXT PRIMARY KEY NOT NULL, record TEXT NOT NULL) STRICT;
  INSERT INTO jobs SELECT id, record FROM former_jobs;
  DROP TABLE former_jobs;
  ALTER TABLE job_versions RENAME TO former_versions;
  CREATE TABLE job_versions (
    id TEXT NOT NULL, version INTEGER NOT NULL, record TEXT NOT NULL, PRIMARY KEY (id, version)
  ) STRICT;
  INSERT INTO job_versions SELECT id, version, record FROM former_versions;
  DROP TABLE former_versions;
  ALTER TABLE allocations RENAME TO former_allocations;
  CREATE TABLE allocations (
    id TEXT PRIMARY KEY NOT NULL, job_id TEXT NOT NULL, create_index INTEGER NOT NULL, terminal INTEGER NOT NULL,
    ended_at INTEGER, eval_id TEXT NOT NULL, record TEXT NOT NULL
  ) STRICT;
  INSERT INTO allocations SELECT id, job_id, create_index, terminal, ended_at, eval_id, record FROM former_allocations;
  DROP TABLE former_allocations;
  CREATE INDEX allocations_by_job ON allocations (job_id, create_index);
  CREATE INDEX allocations_alive ON allocations (terminal) WHERE terminal = 0;
  CREATE INDEX allocations_ended ON allocations (ended_at, id) WHERE ended_at IS NOT NULL;
  CREATE INDEX allocations_by_evaluation ON allocations (eval_id);
  ALTER TABLE launches RENAME TO former_launches;
  CREATE TABLE launches (
    allocation_id TEXT NOT NULL, task TEXT NOT NULL, generation INTEGER NOT NULL, plan TEXT NOT NULL,
    PRIMARY KEY (allocation_id, task, generation)
  ) STRICT;
  INSERT INTO launches SELECT allocation_id, task, generation, plan FROM former_launches;
  DROP TABLE former_launches;
  ALTER TABLE evaluations RENAME TO former_evaluations;
  CREATE TABLE evaluations (
    id TEXT PRIMARY KEY NOT NULL, job_id TEXT NOT NULL, create_index INTEGER NOT NULL, decided_at INTEGER, record TEXT NOT NULL
  ) STRICT;
  INSERT INTO evaluations SELECT id, job_id, create_index, decided_at, record FROM former_evaluations;
  DROP TABLE former_evaluations;
  CREATE INDEX evaluations_by_job ON evaluations (job_id, create_index);
  CREATE INDEX evaluations_decided ON evaluations (decided_at) WHERE decided_at IS NOT NULL;
  ALTER TABLE post_mortems RENAME TO former_ends;
  CREATE TABLE post_mortems (
    allocation_id TEXT NOT NULL, task TEXT NOT NULL, generation INTEGER NOT NULL, record TEXT NOT NULL,
    PRIMARY KEY (allocation_id, task, generation)
  ) STRICT;
  INSERT INTO post_mortems SELECT allocation_id, task, generation, record FROM former_ends;
  DROP TABLE former_ends;
  `,
  `
  CREATE TABLE tokens (accessor TEXT PRIMARY KEY NOT NULL, record TEXT NOT NULL) STRICT;
  `,
];
