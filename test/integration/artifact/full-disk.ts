import { mkdirSync, readdirSync } from "node:fs";
import { planArtifact } from "../../../src/artifact/plan.ts";
import { DEFAULT_RETRY } from "../../../src/artifact/retry.ts";
import { fetchAndUnpack } from "../../../src/artifact/unpack.ts";
import { AppError } from "../../../src/base/errors.ts";
import { taskDirs } from "../../../src/paths.ts";

/** Fetches and unpacks `argv[2]` below `argv[3]`, a file system that is too small for it, and prints what came of it. */
const [, , source = "", dataDir = ""] = process.argv;
const dirs = taskDirs({ dataDir, runDir: dataDir }, "id", "vm");
mkdirSync(dirs.local, { recursive: true });
const plan = planArtifact(
  { source, destination: "local/", mode: "any", options: {}, headers: {}, insecure: false },
  dirs,
);
try {
  await fetchAndUnpack(plan, {
    signal: new AbortController().signal,
    onProgress: () => undefined,
    onRetry: () => undefined,
    stallMillis: 10_000,
    retry: DEFAULT_RETRY,
  });
} catch (error) {
  if (!(error instanceof AppError)) throw error;
  const left = [...readdirSync(dirs.local), ...readdirSync(dirs.alloc).filter((name) => name !== "vm")];
  console.log(JSON.stringify({ message: error.message, hint: error.hint, left }));
}
