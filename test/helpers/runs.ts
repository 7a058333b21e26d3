import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isAlive, readBootId, readStat } from "../../src/supervisor/identity.ts";
import { processesAt, type SeenProcess } from "./processes.ts";

/** What the temporary directory of a run of tests is called, up to its random end: short, for sockets lie below it. */
export const RUN_PREFIX = "pdk-";

const MARK = "run.json";

/** A run of tests that somebody killed before it could clear up. */
export interface DeadRun {
  readonly dir: string;
  readonly pid: number;
  /** What it has started and still runs. */
  readonly processes: readonly SeenProcess[];
}

/** Tells once when whoever started this process has ended; one that was killed can tell nobody itself. Keeps no process from ending. */
export function whenOrphaned(tell: () => void): void {
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    tell();
  }, 500);
  timer.unref();
}

/** Writes down whose the temporary directory of a run is: this process's. */
export function markRun(dir: string): void {
  const { startTime } = readStat(process.pid) ?? {};
  writeFileSync(join(dir, MARK), JSON.stringify({ pid: process.pid, startTime, bootId: readBootId() }));
}

/** The runs that left something in a temporary directory of the host. Other users' are theirs. */
export function deadRuns(common: string): DeadRun[] {
  return readdirSync(common)
    .filter((name) => name.startsWith(RUN_PREFIX))
    .flatMap((name) => {
      const dir = join(common, name);
      const owner = readMark(dir);
      return owner === undefined || isAlive(owner, readBootId())
        ? []
        : [{ dir, pid: owner.pid, processes: processesAt(dir) }];
    });
}

type Owner = Parameters<typeof isAlive>[0];

function readMark(dir: string): Owner | undefined {
  try {
    return JSON.parse(readFileSync(join(dir, MARK), "utf8")) as Owner;
  } catch {
    return undefined; // no run's, another user's, or just being made or removed
  }
}

/** What a run left, and what to do about it. */
export function describeDeadRun({ dir, pid, processes }: DeadRun): string {
  const lines = processes.map((seen) => `  process ${seen.pid}: ${seen.command.slice(0, 100)}`);
  const kill = processes.length === 0 ? "" : `kill -9 ${processes.map((seen) => seen.pid).join(" ")}; `;
  return [`a run of tests that was killed (process ${pid}) left ${dir}`, ...lines, `  hint: ${kill}rm -r ${dir}`].join(
    "\n",
  );
}
