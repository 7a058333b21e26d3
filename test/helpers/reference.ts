import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";

const HOME = join(import.meta.dirname, "..", "..");
const SOURCE = join(HOME, "test", "reference");
const PROGRAM = join(HOME, ".cache", "reference", "reference");

/** Its modules are fetched once, for some 20 s; beyond this the network is not worth waiting for. */
const BUILD_LIMIT_MS = 150_000;

/** A job file with what is given for its variables, or a regular expression, as `test/reference/main.go` takes them. */
export type Question =
  | {
      readonly Text: string;
      readonly Vars?: readonly string[];
      readonly Env?: readonly string[];
      readonly Files?: readonly string[];
    }
  | { readonly Pattern: string; readonly Subject: string; readonly Template: string };

/** What Nomad's parser makes of a job file, or Go of a regular expression. */
export interface Answer {
  readonly job: Readonly<Record<string, unknown>> | undefined;
  readonly error: string | undefined;
  readonly groups: readonly string[] | undefined;
  readonly replaced: string;
}

/** Asks Nomad's parser about many job files at once. */
export type Reference = (questions: readonly Question[]) => Answer[];

/**
 * Builds the program that answers with Nomad's parser.
 * @returns why there is none, where Go is missing or its modules are not to be had.
 */
export function buildReference(): Reference | string {
  const go = ["go", "/usr/local/go/bin/go"].find((name) => spawnSync(name, ["version"]).status === 0);
  if (go === undefined) return "there is no Go here";
  try {
    mkdirSync(join(PROGRAM, ".."), { recursive: true });
  } catch (error) {
    return `it cannot be built here: ${error instanceof Error ? error.message : error}`;
  }
  const built = spawnSync(go, ["build", "-buildvcs=false", "-o", PROGRAM, "."], {
    cwd: SOURCE,
    timeout: BUILD_LIMIT_MS,
  });
  if (built.status !== 0 || !existsSync(PROGRAM)) {
    const [line = "it took too long"] = built.stderr.toString().trim().split("\n").slice(-1);
    return `Nomad's parser cannot be built: ${line}`;
  }
  return ask;
}

const MAX_OUTPUT_BYTES = 1 << 30;

function ask(questions: readonly Question[]): Answer[] {
  const input = questions.map((question) => JSON.stringify(question)).join("\n");
  const { status, stdout, stderr } = spawnSync(PROGRAM, { input, maxBuffer: MAX_OUTPUT_BYTES });
  if (status !== 0) throw new Error(`the reference failed: ${stderr}`);
  const lines = stdout.toString().trimEnd().split("\n");
  return lines.map((line): Answer => {
    const { Job: job, Error: error, Groups: groups, Replaced: replaced = "" } = JSON.parse(line) as Written;
    return { job, error, groups, replaced };
  });
}

interface Written {
  readonly Job?: Record<string, unknown>;
  readonly Error?: string;
  readonly Groups?: string[];
  readonly Replaced?: string;
}
