import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { withDeadline } from "../../src/base/exec.ts";
import { type AgentDirs, apiSocket } from "../../src/paths.ts";
import { paddockBinary } from "./binary.ts";
import { processesAt } from "./processes.ts";
import { type RunOptions, type RunResult, runPaddock, testEnvironment } from "./run.ts";
import { tempDir } from "./temp.ts";
import { Hopeless, until } from "./until.ts";

export interface TestAgentOptions {
  /** HCL behind `data_dir` and `run_dir` in the agent's configuration. */
  readonly config?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** The directory that this agent lives in; a new one that goes with the agent unless told. */
  readonly dir?: string;
  /** Its `run_dir`; one below its directory unless told. */
  readonly runDir?: string;
}

export interface TestAgent extends AsyncDisposable {
  /** Of the running agent; another after `restart`. */
  readonly pid: number;
  /** Everything of this agent is below it. */
  readonly dir: string;
  readonly dirs: AgentDirs;
  /** What `PADDOCK_ADDR` has to be for it. */
  readonly address: string;
  /** An API request, such as `/v1/jobs`. */
  request(target: string, init?: RequestInit): Promise<Response>;
  /** Runs a command of the CLI against it. */
  run(args: readonly string[], options?: RunOptions): Promise<RunResult>;
  /** All that it has printed, over restarts. */
  output(): string;
  /** SIGTERM, and waits until it is gone. @returns its exit code, null when a signal ended it. */
  stop(): Promise<number | null>;
  /** SIGKILL, and waits until it is gone. */
  kill(): Promise<void>;
  /** Starts it again, after `stop` or `kill`, and waits until it answers. */
  start(): Promise<void>;
}

/** Milliseconds that an agent has to answer after its start, and to be gone after a signal. */
const DEADLINE = 15_000;

/**
 * Starts the compiled `paddock agent` in a directory of its own and waits until its API answers. At the end of the block it is
 * stopped, machines that it left running are killed by their pids, and its directory goes.
 */
export async function startAgent(options: TestAgentOptions = {}): Promise<TestAgent> {
  const temporary = options.dir === undefined ? tempDir() : undefined;
  const dir = options.dir ?? temporary?.path ?? "";
  const dirs = { dataDir: `${dir}/data`, runDir: options.runDir ?? `${dir}/run` };
  const configFile = `${dir}/paddock.hcl`;
  mkdirSync(dir, { recursive: true });
  writeFileSync(
    configFile,
    `data_dir = ${JSON.stringify(dirs.dataDir)}\nrun_dir = ${JSON.stringify(dirs.runDir)}\n${options.config ?? ""}\n`,
  );
  const daemon = createDaemon(dir, ["agent", "-config", configFile], testEnvironment(options.env));
  const request = (target: string, init: RequestInit = {}): Promise<Response> =>
    fetch(`http://localhost${target}`, { ...init, unix: apiSocket(dirs) });
  const start = async (): Promise<void> => {
    daemon.start();
    await until("the agent to answer", () => askHealth(daemon, request), { deadline: DEADLINE });
  };
  const address = `unix://${apiSocket(dirs)}`;
  const agent: TestAgent = {
    get pid() {
      return daemon.pid();
    },
    dir,
    dirs,
    address,
    request,
    run: (args, run = {}) => runPaddock(args, { cwd: dir, ...run, env: { PADDOCK_ADDR: address, ...run.env } }),
    output: daemon.output,
    stop: () => daemon.end("SIGTERM"),
    kill: async () => {
      await daemon.end("SIGKILL");
    },
    start,
    [Symbol.asyncDispose]: async () => {
      await daemon.end("SIGTERM");
      await killLeftovers(dir);
      await temporary?.[Symbol.asyncDispose]();
    },
  };
  try {
    await start();
    return agent;
  } catch (error) {
    const said = daemon.output();
    await agent[Symbol.asyncDispose]();
    throw new Error(`${error instanceof Error ? error.message : error}\nthe agent said:\n${said}`);
  }
}

async function askHealth(daemon: Daemon, request: TestAgent["request"]): Promise<boolean> {
  daemon.assertRunning();
  const response = await request("/v1/agent/health");
  if (!response.ok) throw new Error(`status ${response.status}: ${await response.text()}`);
  return true;
}

interface Daemon {
  start(): void;
  pid(): number;
  output(): string;
  assertRunning(): void;
  end(signal: "SIGTERM" | "SIGKILL"): Promise<number | null>;
}

function createDaemon(dir: string, args: readonly string[], env: Record<string, string>): Daemon {
  const binary = paddockBinary();
  const logFile = `${dir}/agent.log`;
  let child: Bun.Subprocess | undefined;
  const output = (): string => readFileSync(logFile, { encoding: "utf8", flag: "a+" });
  return {
    start: () => {
      const log = openSync(logFile, "a");
      // Not in the test's own directory: nothing may be found by chance.
      child = Bun.spawn([binary, ...args], { cwd: dirname(dir), env, stdio: ["ignore", log, log] });
      closeSync(log);
    },
    pid: () => child?.pid ?? 0,
    output,
    assertRunning: () => {
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) {
        throw new Hopeless(
          `the agent has ended (${child?.exitCode ?? child?.signalCode ?? "not started"}): ${output()}`,
        );
      }
    },
    end: async (signal) => {
      if (child === undefined) return null;
      const ending = child;
      if (ending.exitCode === null && ending.signalCode === null) ending.kill(signal);
      if ((await withDeadline(ending.exited, DEADLINE)) === null) {
        ending.kill("SIGKILL");
        throw new Error(`the agent did not end within ${DEADLINE} ms of ${signal}: ${output()}`);
      }
      return ending.signalCode === null ? ending.exitCode : null;
    },
  };
}

async function killLeftovers(dir: string): Promise<void> {
  for (const { pid } of processesAt(dir)) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // it ended while we looked
    }
  }
  await until("the machines of a test's agent to be gone", () => processesAt(dir).length === 0);
}
