import { closeSync, openSync, readFileSync, unlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Exit, spawn } from "../runtime/spawn.ts";
import { systemClock } from "./clock.ts";
import { newId } from "./ids.ts";

export interface ExecResult {
  /** How it ended; null when the deadline passed and it was killed. */
  readonly exit: Exit | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** More than this of a program's output is not looked at. */
const OUTPUT_LIMIT = 1 << 20;

/**
 * Runs a short program of the host and collects what it prints. A program that hangs costs `deadlineMillis`, then SIGKILL.
 * @throws when the program cannot be started (code `ENOENT`, `EACCES`).
 */
export async function execProgram(argv: readonly [string, ...string[]], deadlineMillis: number): Promise<ExecResult> {
  // Output goes to files: a pipe kept open by a grandchild would make a killed program look alive.
  const base = join(tmpdir(), `paddock-exec-${newId()}`);
  const [outPath, errPath] = [`${base}.out`, `${base}.err`];
  const out = openSync(outPath, "wx+", 0o600);
  const err = openSync(errPath, "wx+", 0o600);
  try {
    const path = process.env["PATH"] ?? "/usr/sbin:/usr/bin:/sbin:/bin";
    const child = await spawn({ argv, env: { PATH: path, LC_ALL: "C" }, stdio: ["ignore", out, err], detached: true });
    const exit = await withDeadline(child.exited, deadlineMillis);
    if (exit === null) {
      process.kill(-child.pid, "SIGKILL");
      await child.exited;
    }
    return { exit, stdout: readBounded(outPath), stderr: readBounded(errPath) };
  } finally {
    closeSync(out);
    closeSync(err);
    unlinkSync(outPath);
    unlinkSync(errPath);
  }
}

function readBounded(path: string): string {
  return readFileSync(path).subarray(0, OUTPUT_LIMIT).toString("utf8");
}

/** The value of `promise`, or null once `millis` have passed; the timer goes when the promise wins. */
export async function withDeadline<T>(promise: Promise<T>, millis: number): Promise<T | null> {
  let cancel: () => void = () => undefined;
  const timeout = new Promise<null>((resolve) => {
    cancel = systemClock.after(millis, () => resolve(null));
  });
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    cancel();
  }
}
