import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FailureLog } from "./failure-log.ts";
import { processesAt } from "./processes.ts";
import { markRun, RUN_PREFIX } from "./runs.ts";
import { until } from "./until.ts";

/** The checkout. */
export const HOME = join(import.meta.dirname, "..", "..");

export interface Counts {
  readonly passed: number;
  readonly failed: number;
  /** What failed, each with what was printed about it, for the end of the run. */
  readonly failures?: readonly string[];
}

/** Milliseconds that a whole step may take before it is killed. */
const STEP_DEADLINE = 30 * 60_000;

/** What a program that a killed agent was asking something takes to end by itself, in milliseconds; a busy machine takes longer. */
const LAST_BREATH = 3_000;

/**
 * Runs a program in the checkout with its output passed on; it counts as one, passed when it exits with 0.
 * @param stop kills the program.
 */
export async function runTool(argv: readonly [string, ...string[]], stop: AbortSignal): Promise<Counts> {
  const code = await runVisibly(argv, HOME, process.env, stop);
  return code === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
}

/** @param take is given each line of what the program prints, to either output, after it was passed on. */
async function runVisibly(
  argv: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string | undefined>>,
  stop: AbortSignal,
  take?: (line: string) => void,
): Promise<number> {
  // One pipe for both outputs keeps the order in which the lines were written.
  const piped = ["sh", "-c", 'exec "$@" 2>&1', "sh", ...argv];
  const child = Bun.spawn(take === undefined ? [...argv] : piped, {
    cwd,
    env: { ...env },
    stdio: ["ignore", take === undefined ? "inherit" : "pipe", "inherit"],
    timeout: STEP_DEADLINE,
    signal: stop,
    killSignal: "SIGKILL",
  });
  const passing = take === undefined || child.stdout === undefined ? undefined : new Passing(child.stdout, take);
  const code = await child.exited;
  await passing?.end();
  if (child.signalCode !== null) console.error(`${argv[0]} was ended by ${child.signalCode}`);
  return code;
}

/** Passes on what a program prints, and each line of it besides. */
class Passing {
  private readonly reader: ReadableStreamDefaultReader<Uint8Array>;
  private ended = false;

  constructor(output: ReadableStream<Uint8Array>, take: (line: string) => void) {
    this.reader = output.getReader();
    void this.read(take).finally(() => {
      this.ended = true;
    });
  }

  /** Once the program has ended; what a test left behind and holds the pipe is not waited for. */
  async end(): Promise<void> {
    await until("the end of the output", () => this.ended, { deadline: LAST_BREATH }).catch(() => this.reader.cancel());
  }

  private async read(take: (line: string) => void): Promise<void> {
    const decoder = new TextDecoder();
    let rest = "";
    for (;;) {
      const { value, done } = await this.reader.read();
      if (done) return;
      process.stdout.write(value);
      const lines = (rest + decoder.decode(value, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) take(line);
    }
  }
}

/** Gives a directory under the temporary one that everybody may enter, and removes it afterwards with all that is in it. */
export async function withScratch<T>(use: (path: string) => Promise<T>): Promise<T> {
  const path = mkdtempSync(join(tmpdir(), RUN_PREFIX));
  chmodSync(path, 0o755);
  markRun(path);
  try {
    return await use(path);
  } finally {
    rmSync(path, { recursive: true, force: true, maxRetries: 3 });
  }
}

export interface BunTest {
  /** The words that start bun. */
  readonly bun: readonly string[];
  /** The directory that holds `test/`. */
  readonly home: string;
  /** The folder below `test/`. */
  readonly folder: string;
  /** Of one test. */
  readonly timeoutSeconds: number;
  /** A temporary directory of this run alone: what the tests leave in it is theirs. */
  readonly tmp: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Kills bun; what its tests have started is cleared away as at any other end. */
  readonly stop: AbortSignal;
}

/**
 * Runs the tests of a folder. Besides those that fail, a test file in which no test ran counts as a failure, and so does each process
 * and temporary directory that the tests leave behind; such processes are killed.
 */
export async function runBunTest(run: BunTest): Promise<Counts> {
  const files = testFiles(join(run.home, "test", run.folder));
  const report = join(run.tmp, "junit.xml");
  const options = [`--timeout=${run.timeoutSeconds * 1000}`, "--reporter=junit", `--reporter-outfile=${report}`];
  const argv = [...run.bun, "test", `./test/${run.folder}/`, ...options];
  const log = new FailureLog();
  const env = { ...run.env, TMPDIR: run.tmp, PADDOCK_TEST_RUNNER: String(process.pid) };
  const code = await runVisibly(argv, run.home, env, run.stop, (line) => log.take(line));
  const counts = readReport(report);
  const idle = files.filter((file) => !counts.files.has(`test/${run.folder}/${file}`));
  const troubles = [
    ...idle.map((file) => `no test ran in test/${run.folder}/${file}`),
    ...(await clearLeftovers(run.tmp)),
  ];
  if (files.length === 0) troubles.push(`there is no test in test/${run.folder}`);
  if (code !== 0 && counts.failed === 0 && troubles.length === 0) troubles.push(`bun test exited with ${code}`);
  const told = troubles.map((trouble) => `(fail) ${trouble}`);
  for (const trouble of told) console.error(trouble);
  if (counts.skipped > 0) console.log(`${counts.skipped} skipped`);
  const failures = [...log.failures, ...told];
  return { passed: counts.passed, failed: counts.failed + troubles.length, failures };
}

function testFiles(dir: string): string[] {
  if (!existsSync(dir)) return [];
  return readdirSync(dir, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".test.ts"));
}

interface Report extends Counts {
  readonly skipped: number;
  /** Files in which a test ran, relative to the working directory. */
  readonly files: ReadonlySet<string>;
}

/** Reads the totals from the head of bun's JUnit report. */
function readReport(path: string): Report {
  const xml = existsSync(path) ? readFileSync(path, "utf8") : "";
  const head = /<testsuites [^>]*>/.exec(xml)?.[0] ?? "";
  const total = (name: string): number => Number(new RegExp(` ${name}="(\\d+)"`).exec(head)?.[1] ?? 0);
  const [failed, skipped] = [total("failures"), total("skipped")];
  const files = new Set([...xml.matchAll(/<testcase [^>]*\bfile="([^"]*)"/g)].map((match) => match[1] ?? ""));
  return { passed: total("tests") - failed - skipped, failed, skipped, files };
}

async function clearLeftovers(tmp: string): Promise<string[]> {
  const isClear = (): boolean => processesAt(tmp).length === 0;
  await until("the last processes to end", isClear, { deadline: LAST_BREATH }).catch(() => undefined);
  const processes = processesAt(tmp);
  for (const { pid } of processes) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // it ended while we looked
    }
  }
  const names = readdirSync(tmp).filter((name) => name.startsWith("paddock-"));
  return [
    ...processes.map(({ pid, command }) => `left behind: process ${pid}: ${command}`),
    ...names.map((name) => `left behind: ${join(tmp, name)}`),
  ];
}
