import { existsSync, renameSync } from "node:fs";
import { chmod, mkdir, open, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import type { Clock } from "../../base/clock.ts";
import { errorText } from "../../base/errors.ts";
import { makePassable } from "../../base/files.ts";
import type { Log } from "../../base/log.ts";
import { nextOf } from "../../cache/record.ts";
import {
  type AgentDirs,
  allocsDir,
  diskFiles,
  machineFiles,
  SPARE_TASK,
  spareDirs,
  stderrLog,
  stdoutLog,
  type TaskDirs,
} from "../../paths.ts";
import { taskLayout } from "./task-directory.ts";

/**
 * An allocation directory that lies ready: a file system needs far longer to make a directory or a file than to give one another name,
 * above all soon after many were removed, and whoever waits for a machine would wait for it.
 */
export interface SpareDirectory {
  /**
   * Makes the spare one the allocation's, with the layout of `taskLayout`.
   * @returns false where the allocation has a directory already or none lies ready; nothing was changed then.
   */
  take(dirs: TaskDirs): boolean;
  /** Makes none any more; one that lies ready is removed by the next agent. */
  close(): void;
}

/** How long after a start the next one is made, in milliseconds: QEMU and its firmware come first. */
const AFTER_START = 100;

const LOGS = [stdoutLog, stderrLog] as const;

/** The empty files that a first start fills: what stands in none of them is, to every reader, as if it were not there. */
function firstFiles(dirs: TaskDirs): readonly { readonly path: string; readonly mode: number }[] {
  const { intent, status, journalIn, journalOut } = machineFiles(dirs, 1);
  const own = [intent, status, journalIn, journalOut, nextOf(diskFiles(dirs).record)];
  return [
    ...own.map((path) => ({ path, mode: 0o600 })),
    ...LOGS.map((log) => ({ path: log(dirs, SPARE_TASK), mode: 0o644 })),
  ];
}

/** Keeps one directory ready in the agent's data directory; one that a former agent left is made anew. */
export function createSpareDirectory({
  dirs,
  clock,
  log,
}: {
  readonly dirs: AgentDirs;
  readonly clock: Clock;
  readonly log: Log;
}): SpareDirectory {
  const spare = spareDirs(dirs);
  let state: "none" | "coming" | "ready" = "none";
  let closed = false;
  const make = async (): Promise<void> => {
    try {
      await rm(spare.alloc, { recursive: true, force: true });
      // Before the first allocation there is none.
      makePassable(allocsDir(dirs));
      for (const { path, mode, exact } of taskLayout(spare)) {
        await mkdir(path, { mode });
        if (exact) await chmod(path, mode);
      }
      for (const { path, mode } of firstFiles(spare)) await (await open(path, "wx", mode)).close();
      state = "ready";
    } catch (error) {
      state = "none";
      // Every start can do without.
      log.debug("no directory lies ready for the next machine", { path: spare.alloc, error: errorText(error) });
    }
  };
  let cancel = (): void => undefined;
  const makeSoon = (): void => {
    state = "coming";
    cancel = clock.after(AFTER_START, () => void make());
  };
  const give = (wanted: TaskDirs): boolean => {
    try {
      const task = basename(wanted.task);
      for (const log of LOGS) renameSync(log(spare, SPARE_TASK), log(spare, task));
      renameSync(spare.task, join(spare.alloc, task));
      renameSync(spare.alloc, wanted.alloc);
      return true;
    } catch (error) {
      log.debug("the directory that lay ready was not taken", { path: wanted.alloc, error: errorText(error) });
      return false;
    }
  };
  makeSoon();
  return {
    take: (wanted) => {
      if (closed || existsSync(wanted.alloc)) return false;
      if (state === "coming") return false;
      const given = state === "ready" && give(wanted);
      makeSoon();
      return given;
    },
    close: () => {
      closed = true;
      cancel();
    },
  };
}
