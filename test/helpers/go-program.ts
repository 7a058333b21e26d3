import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { CACHE } from "../guests/cache.ts";

/** The modules of a program are fetched once, for some 20 s; beyond this the network is not worth waiting for. */
const BUILD_LIMIT_MS = 150_000;

/** Bytes of what a program answers. */
const MAX_OUTPUT_BYTES = 1 << 30;

/** Gives a program its input. @returns what it printed. @throws when it failed. */
export type GoProgram = (input: string) => Buffer;

/**
 * Builds a program in Go.
 * @param source its directory.
 * @returns why there is none, where Go is missing or too old, or its modules are not to be had.
 */
export function buildGoProgram(name: string, source: string): GoProgram | string {
  const go = ["go", "/usr/local/go/bin/go"].find((each) => spawnSync(each, ["version"]).status === 0);
  if (go === undefined) return "there is no Go here";
  const program = join(CACHE, "reference", name);
  try {
    mkdirSync(join(program, ".."), { recursive: true });
  } catch (error) {
    return `it cannot be built here: ${error instanceof Error ? error.message : error}`;
  }
  const built = spawnSync(go, ["build", "-buildvcs=false", "-o", program, "."], {
    cwd: source,
    timeout: BUILD_LIMIT_MS,
  });
  if (built.status !== 0 || !existsSync(program)) {
    const [line = "it took too long"] = built.stderr.toString().trim().split("\n").slice(-1);
    return `it cannot be built: ${line}`;
  }
  return (input) => {
    const { status, stdout, stderr } = spawnSync(program, { input, maxBuffer: MAX_OUTPUT_BYTES });
    if (status !== 0) throw new Error(`the reference failed: ${stderr}`);
    return stdout;
  };
}
