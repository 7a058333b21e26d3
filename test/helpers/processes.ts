import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { readStat } from "../../src/supervisor/identity.ts";
import { until } from "./until.ts";

export interface SeenProcess {
  readonly pid: number;
  /** Arguments joined by spaces. */
  readonly command: string;
  readonly cwd: string;
}

/** The processes of this host whose command line or working directory names `path`, but not this one. Linux only. */
export function processesAt(path: string): SeenProcess[] {
  const found: SeenProcess[] = [];
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) continue;
    const seen = readProcess(name);
    if (seen !== undefined && (mentions(seen.command, path) || mentions(seen.cwd, path))) found.push(seen);
  }
  return found;
}

/** Whether a process is there and has not merely been left unreaped. */
export function isAlive(pid: number): boolean {
  const seen = readProcess(String(pid));
  return seen !== undefined && seen.command !== "";
}

/** SIGKILL, unless the process is gone already. */
export function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** Waits until a process has ended, reaped or not. @param what names it in the error. */
export async function untilGone(what: string, pid: number): Promise<void> {
  await until(`${what} to be gone`, () => ["Z", undefined].includes(readStat(pid)?.state));
}

export function parentOf(pid: number): number {
  const line = readFileSync(`/proc/${pid}/stat`, "utf8");
  return Number(line.slice(line.lastIndexOf(")") + 2).split(" ")[1]);
}

function readProcess(pid: string): SeenProcess | undefined {
  try {
    const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
    return { pid: Number(pid), command, cwd: readCwd(pid) };
  } catch {
    return undefined; // it ended while we looked
  }
}

function readCwd(pid: string): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return ""; // another user's
  }
}

/** Whether `path` stands in `text` as a whole path or the beginning of a longer one. */
function mentions(text: string, path: string): boolean {
  for (let at = text.indexOf(path); at >= 0; at = text.indexOf(path, at + 1)) {
    if (!/[A-Za-z0-9_.-]/.test(text[at + path.length] ?? "")) return true;
  }
  return false;
}
