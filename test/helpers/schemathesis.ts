import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { startAgent } from "./agent.ts";
import { freePort } from "./ports.ts";
import { type RunResult, runProgram } from "./run.ts";
import { HOME } from "./steps.ts";
import type { TempDir } from "./temp.ts";

const VERSION = "4.32.5";
/** Its packages come in some 20 s; beyond this the network is not worth waiting for. */
const INSTALL_LIMIT_MS = 120_000;

/**
 * Installs schemathesis, a fuzzer of OpenAPI, in a virtual environment of its own.
 * @param dir where it goes. @returns its program, or why there is none, where Python is missing or its packages are not to be had.
 */
export function installSchemathesis(dir: string): { readonly program: string } | string {
  const python = spawnSync("python3", ["-c", "import sys; sys.exit(sys.version_info < (3, 10))"]);
  if (python.status !== 0) return "there is no Python from 3.10 on here";
  const venv = join(dir, "venv");
  const made = spawnSync("python3", ["-m", "venv", venv], { timeout: INSTALL_LIMIT_MS });
  if (made.status !== 0) return `no virtual environment can be made: ${lastLine(made.stdout ?? made.stderr)}`;
  const installed = spawnSync(join(venv, "bin", "pip"), ["install", "--quiet", `schemathesis==${VERSION}`], {
    timeout: INSTALL_LIMIT_MS,
  });
  if (installed.status !== 0) return `it cannot be installed: ${lastLine(installed.stderr)}`;
  return { program: join(venv, "bin", "schemathesis") };
}

const lastLine = (output: Buffer): string => output.toString().trim().split("\n").at(-1) || "it took too long";

/** What has no end, what is fetched from elsewhere, and what starts machines. */
const EXCLUDED = [
  ...["--exclude-path-regex", "^/v1/(event/stream|agent/monitor|vm/.*/console|images/pull)$"],
  ...["putJobs", "postJobs", "putJobById", "postJobById"].flatMap((id) => ["--exclude-operation-id", id]),
];

export interface FuzzRun extends RunResult {
  /** Requests that were made up and sent. */
  readonly cases: number;
  /** What the agent printed. */
  readonly agent: string;
}

export interface FuzzOptions {
  /** Most requests that are drawn by lot for each operation. */
  readonly examples: number;
  readonly seed: number;
  /** Milliseconds that it may take. */
  readonly deadline: number;
}

/** Sends what the OpenAPI document lets one expect, and what it does not, to an agent that has nothing yet. */
export async function fuzzAgent(
  program: string,
  dir: TempDir,
  { examples, seed, deadline }: FuzzOptions,
): Promise<FuzzRun> {
  const port = await freePort();
  await using agent = await startAgent({ config: `bind_addr = "127.0.0.1"\nports { http = ${port} }` });
  const { stdout: secret } = await agent.run(["token", "create", "-role", "admin", "-name", "fuzz"]);
  const document = await agent.request("/v1/openapi.json");
  writeFileSync(dir.file("openapi.json"), await document.text());
  const config = join(HOME, "test", "fuzz", "schemathesis.toml");
  const run = await runProgram(
    [
      ...([program, "--config-file", config, "run", dir.file("openapi.json")] as const),
      ...["--url", `http://127.0.0.1:${port}`, "--header", `X-Nomad-Token: ${secret.trim()}`],
      ...["--phases", "examples,coverage,fuzzing"],
      ...["--max-examples", String(examples), "--seed", String(seed), "--generation-database", ":memory:"],
      ...["--suppress-health-check", "all", "--warnings", "off", "--continue-on-failure", "--workers", "1"],
      ...["--request-timeout", "60", "--no-color", ...EXCLUDED],
    ],
    {
      cwd: dir.path,
      deadline,
      env: { SCHEMATHESIS_HOOKS: join(HOME, "test", "fuzz", "hooks.py"), PYTHONDONTWRITEBYTECODE: "1" },
    },
  );
  const cases = Number(/^\s*(\d+) generated/m.exec(run.stdout)?.[1] ?? "0");
  return { ...run, cases, agent: agent.output() };
}
