import { closeSync, constants, fstatSync, ftruncateSync, openSync, readSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Child, type Exit, type SpawnOptions, type Stdio, spawn } from "../runtime/spawn.ts";
import { monotonicMillis, systemClock } from "./clock.ts";
import { errnoOf } from "./errors.ts";
import { procPath } from "./files.ts";
import { newId } from "./ids.ts";

export interface ExecResult {
  /** How it ended; null when the deadline passed and it was killed. */
  readonly exit: Exit | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A file that a program gets as an open, read-only descriptor; it has no name. */
export interface ExecFile {
  readonly content: Uint8Array;
  /** Length in bytes, at least that of the content; what is missing reads as zeros. */
  readonly size: number;
}

export interface ExecUntilOptions {
  readonly deadlineMillis: number;
  /** Looked at whenever there may be more output: true when the program has done what it was started for. */
  readonly until: (stdout: string) => boolean;
  /** Ends the program before its time. */
  readonly signal?: AbortSignal | undefined;
  /** The program finds them at descriptors 3, 4, … */
  readonly files?: readonly ExecFile[];
}

/** More than this of a program's output is not looked at. */
const OUTPUT_LIMIT = 1 << 20;

/** How often `execUntil` looks at the output; a file that grows wakes nobody. */
const LOOK_MILLIS = 20;

/** How long a killed program may take to go: one that is stuck in the kernel must not take its caller along. */
const KILL_MILLIS = 1_000;

/**
 * `$1` is how many seconds there are, `$2` is this process: what runs for it does not outlive it for long.
 * `$$` is the program once it was exec'd, and the group of all that it starts. The number cannot belong to somebody else when the
 * time is up, for the subshell is a member of that group.
 */
const BOUNDED_LIFE =
  '(i=0; while [ "$i" -lt "$1" ] && [ -d "/proc/$2" ]; do sleep 1; i=$((i + 1)); done; kill -9 -$$) & shift 2; exec "$@"';

/**
 * Runs a short program of the host and collects what it prints. A program that hangs costs `deadlineMillis`, then SIGKILL.
 * @param user runs it as this user; for root only.
 * @throws when the program cannot be started (code `ENOENT`, `EACCES`, `EPERM`).
 */
export async function execProgram(
  argv: readonly [string, ...string[]],
  deadlineMillis: number,
  user?: SpawnOptions["user"],
): Promise<ExecResult> {
  return await withScratch([], async ([out, err]) => {
    const child = await start(argv, ["ignore", out, err], user);
    const exit = await withDeadline(child.exited, deadlineMillis);
    if (exit === null) await killGroup(child);
    return { exit, stdout: readBounded(out), stderr: readBounded(err) };
  });
}

/**
 * Runs a program of the host that does not end by itself, until its output is what the caller waits for, it ends, or
 * `deadlineMillis` have passed; then SIGKILL to it and what it started. Should this process die meanwhile, a watchdog of some shell
 * words ends the program within a second.
 * @param argv the program by its absolute path.
 * @returns `met`: the output was what the caller waits for; `exit`: how the program ended before that or before the deadline.
 */
export async function execUntil(
  argv: readonly [string, ...string[]],
  options: ExecUntilOptions,
): Promise<ExecResult & { readonly met: boolean }> {
  return await withScratch(options.files ?? [], async ([out, err], files) => {
    const life = String(Math.ceil(options.deadlineMillis / 1000) + 1);
    const child = await start(
      ["/bin/sh", "-c", BOUNDED_LIFE, "sh", life, String(process.pid), ...argv],
      ["ignore", out, err, ...files],
    );
    const end = monotonicMillis() + options.deadlineMillis;
    let exit: Exit | null = null;
    const met = () => options.until(readBounded(out));
    const over = () => options.signal?.aborted === true || monotonicMillis() >= end;
    while (exit === null && !met() && !over()) exit = await withDeadline(child.exited, LOOK_MILLIS);
    await killGroup(child);
    return { met: met(), exit, stdout: readBounded(out), stderr: readBounded(err) };
  });
}

export interface ExecWatchedOptions {
  /** The whole environment of the program. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly user?: SpawnOptions["user"];
  /** An open descriptor that takes what it prints; null collects that. */
  readonly output: number | null;
  /** Called twice a second with how many bytes of errors there are; what it throws ends the program, and is thrown. */
  readonly look: (errorBytes: number) => void;
  /** Its reason is thrown when it aborts; the program is ended then. */
  readonly signal: AbortSignal;
}

/** How often `execWatched` looks. */
const WATCH_MILLIS = 500;

/** `$1` is this process: what runs for it does not outlive it for long. Where `/proc` hides it from others nobody watches. */
const WATCHED_LIFE = '[ -d "/proc/$1" ] && (while [ -d "/proc/$1" ]; do sleep 2; done; kill -9 -$$) & shift; exec "$@"';

/**
 * Runs a program of the host that may take long, as long as its caller is content with what it sees of it. All that it started goes with it.
 * @returns as `execProgram`; exit code 127 when there is no such program.
 */
export async function execWatched(
  argv: readonly [string, ...string[]],
  { env, cwd, user, output, look, signal }: ExecWatchedOptions,
): Promise<ExecResult> {
  return await withScratch([], async ([out, err]) => {
    signal.throwIfAborted();
    const guarded = ["/bin/sh", "-c", WATCHED_LIFE, "sh", String(process.pid), ...argv] as const;
    const child = await spawn({ argv: guarded, env, cwd, stdio: ["ignore", output ?? out, err], detached: true, user });
    try {
      let exit: Exit | null = null;
      while (exit === null) {
        exit = await withDeadline(child.exited, WATCH_MILLIS);
        signal.throwIfAborted();
        if (exit === null) look(fstatSync(err).size);
      }
      return { exit, stdout: readBounded(out), stderr: readBounded(err) };
    } finally {
      await killGroup(child);
    }
  });
}

export interface BackgroundOptions {
  /** The whole environment of the program. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** An open descriptor that takes all it prints; the caller's to close. */
  readonly output: number;
}

/**
 * Starts a program in a session of its own that goes on until somebody ends it.
 * @throws when the program cannot be started (code `ENOENT`, `EACCES`).
 */
export async function startBackground(
  argv: readonly [string, ...string[]],
  { env, cwd, output }: BackgroundOptions,
): Promise<Child> {
  return await spawn({ argv, env, cwd, stdio: ["ignore", output, output], detached: true });
}

async function start(
  argv: readonly [string, ...string[]],
  stdio: readonly Stdio[],
  user?: SpawnOptions["user"],
): Promise<Child> {
  const path = process.env["PATH"] ?? "/usr/sbin:/usr/bin:/sbin:/bin";
  return await spawn({ argv, env: { PATH: path, LC_ALL: "C" }, stdio, detached: true, user });
}

/** Ends a program with all that it started and that stayed in its process group. */
export async function killGroup(child: Child): Promise<void> {
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch (error) {
    if (errnoOf(error) !== "ESRCH") throw error;
  }
  if ((await withDeadline(child.exited, KILL_MILLIS)) === null) child.unref();
}

/**
 * Lends two files for output and one for each of `files`, all without a name: nothing is left behind however this process ends.
 * Output goes to files because a pipe kept open by a grandchild would make a killed program look alive.
 */
async function withScratch<T>(
  files: readonly ExecFile[],
  use: (outputs: readonly [number, number], inputs: readonly number[]) => Promise<T>,
): Promise<T> {
  const open: number[] = [];
  const keep = (fd: number): number => {
    open.push(fd);
    return fd;
  };
  try {
    const outputs = [keep(openScratch()), keep(openScratch())] as const;
    const inputs = files.map((file) => keep(openScratch(file)));
    return await use(outputs, inputs);
  } finally {
    for (const fd of open) closeSync(fd);
  }
}

/** Opens an empty file for writing, or one with `file`'s content for reading only. */
function openScratch(file?: ExecFile): number {
  const fd = openNameless() ?? openUnlinked();
  if (file === undefined) return fd;
  try {
    writeFileSync(fd, file.content);
    ftruncateSync(fd, file.size);
    return openSync(procPath(fd), "r");
  } finally {
    closeSync(fd);
  }
}

/** Linux's flag for a file that never has a name (open(2)); `node:fs` has no constant for it. */
const O_TMPFILE = 0o20200000;

/** Null where there is no such thing: another system than Linux, or a file system without it. */
function openNameless(): number | null {
  if (process.platform !== "linux") return null;
  try {
    return openSync(tmpdir(), O_TMPFILE | constants.O_RDWR, 0o600);
  } catch (error) {
    if (["EOPNOTSUPP", "ENOTSUP", "EISDIR", "ENOENT", "EINVAL"].includes(errnoOf(error) ?? "")) return null;
    throw error;
  }
}

/** For a moment it has a name, which a process that is killed just then leaves behind. */
function openUnlinked(): number {
  const path = join(tmpdir(), `paddock-exec-${newId()}`);
  const fd = openSync(path, "wx+", 0o600);
  unlinkSync(path);
  return fd;
}

function readBounded(fd: number): string {
  const buffer = Buffer.alloc(Math.min(fstatSync(fd).size, OUTPUT_LIMIT));
  const count = readSync(fd, buffer, 0, buffer.length, 0);
  return buffer.toString("utf8", 0, count);
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
