import { expect, test } from "bun:test";
import { DatabaseSync } from "node:sqlite";
import { MIGRATIONS } from "../../../src/state/migrations.ts";
import { openStore } from "../../../src/state/store.ts";
import { tempPerTest } from "../../helpers/temp-per-test.ts";

const dir = tempPerTest();

/** A row of each table of the first version, and of those that came later once they are there. */
function fill(database: DatabaseSync, version: number): void {
  const record = (fields: object): string => JSON.stringify(fields);
  const add = (table: string, columns: string, ...values: (string | number)[]): void => {
    const marks = values.map(() => "?").join(", ");
    database.prepare(`INSERT INTO ${table} (${columns}) VALUES (${marks})`).run(...values);
  };
  add("facts", "name, value", "node_id", "n");
  add("jobs", "id, record", "web", record({ job: { id: "web" }, version: 1 }));
  for (const at of [0, 1]) {
    add("job_versions", "id, version, record", "web", at, record({ job: { id: "web" }, version: at }));
  }
  for (const [id, ended] of [
    ["a1", 1],
    ["a2", 0],
  ] as const) {
    const machine = ended === 1 ? { kind: "ended", ending: { at: 7 } } : { kind: "pending" };
    const tasks = { vm: { machine } };
    const columns = `id, job_id, create_index, terminal, record${version >= 4 ? ", eval_id" : ""}`;
    const row = [id, "web", 5, ended, record({ id, createIndex: 5, evalId: "e1", tasks })];
    add("allocations", columns, ...row, ...(version >= 4 ? ["e1"] : []));
    add("launches", "allocation_id, task, generation, plan", id, "vm", 1, record({ cwd: `/of/${id}` }));
    add("task_events", "allocation_id, task, time, record", id, "vm", 3, record({ type: "Received", time: 3 }));
  }
  add("evaluations", "id, job_id, create_index, record", "e1", "web", 5, record({ id: "e1", createTime: 3 }));
  if (version >= 2)
    add("post_mortems", "allocation_id, task, generation, record", "a1", "vm", 1, record({ generation: 1 }));
}

const FORMER = MIGRATIONS.map((_, index) => index).filter((version) => version > 0);

test.each(FORMER)("a store of version %d is brought up to this one with all that is in it", (version) => {
  const path = dir.file("paddock.db");
  const old = new DatabaseSync(path);
  for (const sql of MIGRATIONS.slice(0, version)) old.exec(sql);
  old.exec(`PRAGMA user_version = ${version}`);
  fill(old, version);
  old.close();
  const store = openStore(path);
  try {
    expect(store.fact("node_id")).toBe("n");
    expect(store.job("web")?.version).toBe(1);
    expect(store.jobVersions("web").map((record) => record.version)).toEqual([1, 0]);
    expect(store.lastVersion("web")).toBe(1);
    expect(store.lastVersion("other")).toBeUndefined();
    expect(store.allocations({ jobId: "web" }).map(({ id }) => id)).toEqual(["a1", "a2"]);
    expect(store.liveAllocations().map(({ id }) => id)).toEqual(["a2"]);
    expect(store.lastLaunch("a2", "vm")).toMatchObject({ cwd: "/of/a2" });
    expect(store.events("a1", "vm")).toMatchObject([{ type: "Received" }]);
    expect(store.evaluations({ jobId: "web" })).toMatchObject([{ id: "e1" }]);
    expect(store.tokens()).toEqual([]);
    expect(store.postMortems("a1", "vm")).toHaveLength(version >= 2 ? 1 : 0);
    if (version < 3) expect(store.endedAllocations(undefined, 9)).toEqual([{ id: "a1", jobId: "web", endedAt: 7 }]);
  } finally {
    store.close();
  }
});
