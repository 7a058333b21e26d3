import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SINCE_FACT } from "../../src/agent/garbage/examine.ts";
import type { ClockMark } from "../../src/allocation/allocation.ts";
import type { TaskEvent } from "../../src/allocation/task-event.ts";
import { type AgentDirs, allocDir, databaseFile, taskDirs } from "../../src/paths.ts";
import { openStore } from "../../src/state/store.ts";
import { allocation, ended, evaluation, GRACEFUL, jobOf, jobRecord, jobText, PLAN, taskRecord } from "./records.ts";

export interface EndedMany {
  readonly count: number;
  /** Files in the directory of each. */
  readonly files?: number;
  /** Milliseconds since 1970 of the last one's end; those before ended a second earlier each. */
  readonly lastEnd?: number;
  readonly jobId?: string;
  /** By what clock the ends are meant. */
  readonly clock?: ClockMark;
  /** Whether their machines ran on disks of their own, of which nothing is left that says what they are. */
  readonly disks?: boolean;
  /** Whether the job is still there. */
  readonly job?: boolean;
  /** Whether the agent that they ended under removed nothing, as those of former versions. */
  readonly former?: boolean;
}

/** The id of one of many allocations. */
export const endedId = (at: number): string => `${String(at).padStart(8, "0")}-0000-4000-8000-000000000000`;

/** Puts allocations that have ended, with their directories, histories and evaluations, where the next agent finds them. */
export function putEnded(
  dirs: AgentDirs,
  {
    count,
    files = 3,
    lastEnd = Date.now(),
    clock,
    disks = false,
    jobId = "web",
    job = true,
    former = false,
  }: EndedMany,
): readonly string[] {
  mkdirSync(dirs.dataDir, { recursive: true });
  const store = openStore(databaseFile(dirs));
  const ids = Array.from({ length: count }, (_, at) => endedId(at));
  const event: TaskEvent = { type: "Received", time: 1, message: "", details: {}, failsTask: false };
  store.transaction(() => {
    if (!former) store.setFact(SINCE_FACT, "0");
    if (job) store.putJob(jobRecord({ job: jobOf(jobText(jobId)) }));
    for (const [at, id] of ids.entries()) {
      const ending = { ...GRACEFUL, at: lastEnd - (count - 1 - at) * 1_000 };
      const evalId = id.replace(/^0/, "e");
      store.putEvaluation(evaluation({ id: evalId, jobId, createTime: ending.at }));
      store.putAllocation(
        allocation({ id, jobId, evalId, clock, createIndex: 100 + at, tasks: { vm: taskRecord(ended(ending)) } }),
      );
      const image = { path: "/disk", format: "qcow2", mode: "overlay" } as const;
      if (disks) store.putLaunch(id, "vm", 1, { ...PLAN, image });
      store.appendEvent(id, "vm", event);
    }
  });
  store.close();
  for (const id of ids) {
    const { logs, local } = taskDirs(dirs, id, "vm");
    for (const path of [logs, local]) mkdirSync(path, { recursive: true });
    for (let at = 0; at < files; at++) writeFileSync(join(local, `file-${at}`), "content");
    writeFileSync(join(allocDir(dirs, id), ".whole"), String(files));
  }
  return ids;
}
