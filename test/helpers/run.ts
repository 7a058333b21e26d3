import { tmpdir } from "node:os";
import { paddockBinary } from "./binary.ts";

export interface RunOptions {
  /** Working directory; the temporary directory unless told, never the checkout. */
  readonly cwd?: string;
  /** Added to a small environment: PATH, HOME, LANG and the XDG directories. */
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
  /** Milliseconds after which it is killed; 20,000 unless told. */
  readonly deadline?: number;
}

export interface RunResult {
  /** Exit code, or null when a signal ended it. */
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The environment that programs under test get: nothing of the test runner's but where things are. */
export function testEnvironment(more: Readonly<Record<string, string>> = {}): Record<string, string> {
  const kept = ["PATH", "HOME", "TMPDIR", "XDG_RUNTIME_DIR", "XDG_STATE_HOME", "XDG_CONFIG_HOME"];
  const env: Record<string, string> = { LANG: "C.UTF-8", NO_COLOR: "1" };
  for (const name of kept) {
    const value = process.env[name];
    if (value !== undefined) env[name] = value;
  }
  return { ...env, ...more };
}

/** Runs a program and collects what it prints. @throws when the deadline passed, with what it printed until then. */
export async function runProgram(argv: readonly [string, ...string[]], options: RunOptions = {}): Promise<RunResult> {
  const deadline = options.deadline ?? 20_000;
  const child = Bun.spawn([...argv], {
    cwd: options.cwd ?? tmpdir(),
    env: testEnvironment(options.env),
    stdin: options.stdin === undefined ? "ignore" : Buffer.from(options.stdin),
    stdout: "pipe",
    stderr: "pipe",
  });
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    child.kill("SIGKILL");
  }, deadline);
  try {
    const output = Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
    await child.exited;
    // A child of the program that keeps the pipe must not keep the test.
    const [stdout, stderr] = await Promise.race([output, afterGrace(argv)]);
    if (late)
      throw new Error(`${argv.join(" ")} was killed after ${deadline} ms\nstdout: ${stdout}\nstderr: ${stderr}`);
    return {
      code: child.exitCode,
      signal: child.signalCode === null ? null : String(child.signalCode),
      stdout,
      stderr,
    };
  } finally {
    clearTimeout(timer);
  }
}

async function afterGrace(argv: readonly string[]): Promise<never> {
  await Bun.sleep(5_000);
  throw new Error(`${argv.join(" ")} has ended, but something that it started still holds its output open`);
}

/** Runs the compiled `paddock` with these arguments. */
export async function runPaddock(args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  return await runProgram([paddockBinary(), ...args], options);
}
