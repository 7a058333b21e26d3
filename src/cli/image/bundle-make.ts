import { lstatSync, mkdirSync, realpathSync, statSync } from "node:fs";
import { basename, dirname, isAbsolute, join, resolve } from "node:path";
import { AppError, errnoOf, unreadable } from "../../base/errors.ts";
import { readBeginning, writeNew } from "../../base/files.ts";
import { silentLog } from "../../base/log.ts";
import { formatBytes } from "../../base/units.ts";
import { openBundle } from "../../bundle/extract.ts";
import { gather } from "../../bundle/gather.ts";
import { readSigningKeyFile } from "../../bundle/key-file.ts";
import { shortKey } from "../../bundle/keys.ts";
import { type BinaryFile, type JobText, planBundle, refuseTwice } from "../../bundle/make.ts";
import { decodeManifest, FILE_NAME, MAX_MANIFEST, type Manifest } from "../../bundle/manifest.ts";
import { userRules } from "../../bundle/user-rules.ts";
import { writeBundle } from "../../bundle/write.ts";
import { collectCache, sweepCache } from "../../cache/collect.ts";
import { writeProgress } from "../../contract/task-state.ts";
import type { Job } from "../../job/job.ts";
import { cacheDir, lockFile, userCacheDir } from "../../paths.ts";
import { takeLock } from "../../state/database.ts";
import type { Invocation } from "../command.ts";
import { EXIT, Interrupted } from "../exit.ts";
import { countErrors, readJobFile } from "../job/file.ts";
import { createProgress } from "../job/follow.ts";
import { breakText } from "../terminal/table.ts";
import type { Terminal } from "../terminal/terminal.ts";

interface ReadJob extends JobText {
  readonly name: string;
  readonly job: Job;
}

/** How long what was fetched for a bundle stays for the next one, in milliseconds. */
const KEPT_MILLIS = 720 * 3_600_000;

/** The work of `paddock image bundle`. */
export async function makeBundle({ context, flags, operands }: Invocation): Promise<number> {
  const { terminal, env } = context;
  const out = flags.text("o");
  if (out === undefined) throw new AppError("invalid", "expected -o and the name of the bundle");
  const keptIn = flags.text("cache") ?? userCacheDir(env);
  if (keptIn === undefined) throw new AppError("invalid", "expected -cache DIR, for this user has no home");
  assertWritable(out, flags.has("force"));
  assertWritable(`${out}.manifest`, true);
  const keyFile = flags.text("key");
  const key = keyFile === undefined ? null : readSigningKeyFile(keyFile);
  const since = flags.text("since");
  const base = since === undefined ? null : await readBase(since);
  const binaries = flags.list("binary").map((file) => nameBinary(file, context.self[0]));
  const jobs = await readJobs(operands, { context, flags });
  const rules = userRules(env, flags.text("ca-file"));
  refuseTwice([...jobs, ...binaries]);
  warnOfImages(jobs, terminal);
  const now = Date.now();
  const made = await inCache(keptIn, terminal, async (cache, signal) => {
    const show = createProgress(terminal);
    const say = (message: string): void => {
      for (const line of breakText(message, terminal.err.columns)) terminal.err.line(line);
    };
    const gathering = await gather(jobs, {
      ...{ cache, rules, signal, log: silentLog, onMessage: say },
      onProgress: (progress) => show(writeProgress({ source: "", ...progress })),
    });
    try {
      const sequence = flags.count("sequence") ?? Math.floor(now / 1000);
      const source = planBundle({ jobs, binaries, gathering }, { key, sequence, now, base });
      const onProgress = (bytes: number, total: number): void =>
        show(writeProgress({ source: out, bytes, total, rate: 0 }));
      const { text, bytes } = await writeBundle(resolve(out), source, { signal, onProgress });
      writeNew(`${resolve(out)}.manifest`, text, 0o644);
      return { manifest: source.manifest, bytes };
    } finally {
      gathering[Symbol.dispose]();
    }
  });
  tell(out, made, terminal);
  return EXIT.ok;
}

/** Asked before anything is fetched. Neither a device nor a directory is ever replaced. */
function assertWritable(path: string, force: boolean): void {
  const there = lstatSync(path, { throwIfNoEntry: false });
  if (there === undefined) {
    const dir = dirname(resolve(path));
    if (statSync(dir, { throwIfNoEntry: false })?.isDirectory() === true) return;
    throw new AppError("not_found", `${path} cannot be written: there is no directory ${dir}`, {
      hint: "make it, or name another one",
    });
  }
  if (!there.isFile()) throw new AppError("conflict", `${path} is there already, and no file`);
  if (!force) throw new AppError("conflict", `${path} is there already`, { hint: "-force writes over it" });
}

/** An image that lies on the host already is no artifact. */
function warnOfImages(jobs: readonly ReadJob[], { err }: Terminal): void {
  for (const { name, job } of jobs) {
    for (const { config } of job.groups.flatMap(({ tasks }) => tasks)) {
      if (!isAbsolute(config.image_path)) continue;
      err.line(
        `${name}: ${config.image_path} is not fetched by the job, so it is not in the bundle: the host must have it`,
      );
    }
  }
}

function tell(
  out: string,
  { manifest, bytes }: { readonly manifest: Manifest; readonly bytes: number },
  terminal: Terminal,
): void {
  const { jobs, artifacts, binaries, base, key, sequence } = manifest;
  const packed = artifacts.filter((artifact) => artifact.packed).length;
  const left = artifacts.length - packed;
  const parts = [
    count(jobs.length, "job file"),
    count(packed, "artifact"),
    ...(binaries.length > 0 ? [count(binaries.length, "binary", "binaries")] : []),
    formatBytes(bytes),
    `sequence ${sequence}`,
    key === null ? "not signed" : `signed with key ${shortKey(key)}`,
  ];
  terminal.out.line(`${out}: ${parts.join(", ")}`);
  if (base !== null) {
    terminal.err.line(
      `left out what the bundle with sequence ${base.sequence} has: ${count(left, "artifact")}; load that one first`,
    );
  }
  if (key === null) {
    terminal.err.line("nobody can tell who made it: sign it with -key, or it is loaded only with -allow-unsigned");
  }
}

const count = (number: number, one: string, many = `${one}s`): string => `${number} ${number === 1 ? one : many}`;

async function readJobs(
  paths: readonly string[],
  invocation: Pick<Invocation, "context" | "flags">,
): Promise<ReadJob[]> {
  const jobs: ReadJob[] = [];
  for (const path of paths) {
    if (path === "-") throw new AppError("invalid", "expected the name of a job file, found -");
    const file = await readJobFile(path, invocation);
    if (file.job === undefined) throw new AppError("invalid", `${file.name} is not a valid job: ${countErrors(file)}`);
    const text = Buffer.from(file.text);
    jobs.push({ file: checkName(basename(path)), id: file.job.id, text, name: path, job: file.job });
  }
  return jobs;
}

function nameBinary(given: string, self: string): BinaryFile {
  const path = given === "self" ? self : given;
  try {
    const real = realpathSync(path);
    const magic = readBeginning(real, 3).subarray(0, 4).toString("latin1");
    if (magic !== "\u007fELF") throw new AppError("invalid", `${path}: expected a program for Linux (ELF)`);
    return { file: given === "self" ? `paddock-linux-${process.arch}` : checkName(basename(path)), path: real };
  } catch (error) {
    throw error instanceof AppError ? error : unreadable(path, error);
  }
}

function checkName(name: string): string {
  if (FILE_NAME.test(name)) return name;
  throw new AppError("invalid", `${JSON.stringify(name)} cannot be a name in a bundle`, {
    hint: "rename it: at most 80 letters, digits and . _ + @ -, and no dot, + or - first",
  });
}

async function readBase(path: string): Promise<Manifest> {
  try {
    const beginning = readBeginning(path, MAX_MANIFEST);
    if (beginning[0] === 0x7b) return decodeManifest(beginning);
  } catch (error) {
    throw error instanceof AppError ? error : unreadable(path, error);
  }
  return (await openBundle(path)).manifest;
}

/** Does the work with a cache of its own, which no other program has meanwhile; Ctrl-C aborts the signal. */
async function inCache<T>(
  dir: string,
  terminal: Terminal,
  work: (cache: string, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const place = { dataDir: resolve(dir), runDir: resolve(dir) };
  try {
    mkdirSync(place.dataDir, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new AppError("invalid", `cannot make ${dir}: ${errnoOf(error) ?? "unknown error"}`, {
      hint: "name another directory for what is fetched: -cache DIR",
    });
  }
  const lock = takeLock(lockFile(place));
  if (lock === null) {
    throw new AppError("conflict", `another paddock uses ${join(dir, "cache")}`, {
      hint: "wait for it, or name another directory with -cache",
    });
  }
  const interrupt = terminal.listenForInterrupt();
  try {
    sweepCache(cacheDir(place));
    const done = await work(cacheDir(place), interrupt.signal);
    await collectCache(cacheDir(place), { maxBytes: 0, maxAgeMillis: KEPT_MILLIS });
    return done;
  } catch (error) {
    if (error instanceof Interrupted) terminal.err.line("given up; what was fetched stays for the next try");
    throw error;
  } finally {
    interrupt.release();
    lock.release();
  }
}
