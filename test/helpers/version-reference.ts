import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { HOME } from "./steps.ts";

const SOURCE = join(HOME, "test", "reference", "version");
const PROGRAM = join(HOME, ".cache", "reference", "version");

/** Its one module is fetched in a second; beyond this the network is not worth waiting for. */
const BUILD_LIMIT_MS = 60_000;

/** Operator, left and right side. */
export type ReferenceCase = readonly [operator: string, left: string, right: string];

export interface ReferenceAnswer {
  /** Whether the left side is a version, where that is asked. */
  readonly leftIsValid: boolean;
  /** Whether the right side is a list of conditions or an expression, where that is asked. */
  readonly rightIsValid: boolean;
  readonly holds: boolean;
}

/** Asks go-version and Go's own packages about many cases at once. */
export type VersionReference = (cases: readonly ReferenceCase[]) => ReferenceAnswer[];

/** @returns why there is none, where Go is missing or its module is not to be had. */
export function buildVersionReference(): VersionReference | string {
  const go = ["go", "/usr/local/go/bin/go"].find((name) => spawnSync(name, ["version"]).status === 0);
  if (go === undefined) return "there is no Go here";
  const fetched = spawnSync(go, ["mod", "download"], { cwd: SOURCE, timeout: BUILD_LIMIT_MS });
  if (fetched.status !== 0) return "go-version is not to be had";
  mkdirSync(dirname(PROGRAM), { recursive: true });
  const built = spawnSync(go, ["build", "-buildvcs=false", "-o", PROGRAM, "."], { cwd: SOURCE });
  if (built.status !== 0) throw new Error(`the reference cannot be built: ${built.stderr}`);
  return ask;
}

function ask(cases: readonly ReferenceCase[]): ReferenceAnswer[] {
  const { status, stdout, stderr } = spawnSync(PROGRAM, { input: JSON.stringify(cases), maxBuffer: 1 << 28 });
  if (status !== 0) throw new Error(`the reference failed: ${stderr}`);
  return [...stdout].map((digit) => {
    const bits = digit - 48;
    return { leftIsValid: (bits & 1) !== 0, rightIsValid: (bits & 2) !== 0, holds: (bits & 4) !== 0 };
  });
}
