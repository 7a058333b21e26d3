import { join } from "node:path";
import { createApi } from "../../src/api/app.ts";
import type { Log } from "../../src/base/log.ts";
import { createMonitoredLog } from "../../src/base/log-monitor.ts";
import { type CliOptions, type CliResult, runInProcess } from "./cli.ts";
import { heldToContract } from "./contract.ts";
import { createFakeAgent, type FakeAgent } from "./fake-agent.ts";
import { testEnvironment } from "./run.ts";
import { tempDir } from "./temp.ts";

/** The real API over a fake agent on a unix socket, and the CLI that talks to it. */
export interface CliApi extends AsyncDisposable {
  readonly agent: FakeAgent;
  /** What the agent logs to. */
  readonly log: Log;
  readonly socket: string;
  readonly dir: string;
  /** Runs a command in this process. */
  run(args: readonly string[], options?: CliOptions): Promise<CliResult>;
  /** Starts the program from source in a process of its own. */
  spawn(args: readonly string[]): SpawnedCli;
}

export interface SpawnedCli {
  readonly pid: number;
  readonly stdout: ReadableStream<Uint8Array>;
  kill(signal: NodeJS.Signals): void;
  /** Exit code, null when a signal ended it, and what it printed on stderr. */
  ended(): Promise<{ readonly code: number | null; readonly stderr: string }>;
}

export const MAIN = join(import.meta.dirname, "..", "..", "src", "main.ts");

export function serveCliApi(): CliApi {
  const temp = tempDir();
  const agent = createFakeAgent();
  const stopping = new AbortController();
  const { log, monitor } = createMonitoredLog("error", () => undefined);
  const api = heldToContract(
    createApi(agent, { log, monitor, version: "1.2.3", httpAddress: "", stopping: stopping.signal }),
  );
  const socket = temp.file("api.sock");
  const server = Bun.serve({ unix: socket, idleTimeout: 0, fetch: (request: Request) => api.fetch(request) } as never);
  return {
    agent,
    log,
    socket,
    dir: temp.path,
    run: (args, options = {}) => runInProcess(args, { ...options, env: { PADDOCK_ADDR: socket, ...options.env } }),
    spawn: (args) => spawnCli(args, { PADDOCK_ADDR: socket }),
    [Symbol.asyncDispose]: async () => {
      stopping.abort();
      await server.stop(true);
      await temp[Symbol.asyncDispose]();
    },
  };
}

/** Starts the program from source. */
export function spawnCli(args: readonly string[], env: Readonly<Record<string, string>> = {}): SpawnedCli {
  const child = Bun.spawn([process.execPath, MAIN, ...args], {
    env: testEnvironment(env),
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const stderr = new Response(child.stderr).text();
  return {
    pid: child.pid,
    stdout: child.stdout,
    kill: (signal) => child.kill(signal),
    ended: async () => {
      await child.exited;
      return { code: child.signalCode === null ? child.exitCode : null, stderr: await stderr };
    },
  };
}
