import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { DEFAULT_RETRY } from "../../../src/artifact/download/retry.ts";
import { planArtifact } from "../../../src/artifact/plan.ts";
import { AppError } from "../../../src/base/errors.ts";
import { cacheDir, cachePlaces, taskDirs } from "../../../src/paths.ts";
import { fetchHere } from "../../helpers/artifact.ts";

/** Fetches and unpacks `argv[2]` below `argv[3]`, a file system that is too small for it, and prints what came of it. */
const [, , source = "", dataDir = ""] = process.argv;
const dirs = taskDirs({ dataDir, runDir: dataDir }, "id", "vm");
const cache = cacheDir({ dataDir, runDir: dataDir });
mkdirSync(dirs.local, { recursive: true });
const plan = planArtifact(
  { source, destination: "local/", mode: "any", options: {}, headers: {}, insecure: false },
  dirs,
);
try {
  await fetchHere(plan, cache, { retry: DEFAULT_RETRY });
} catch (error) {
  if (!(error instanceof AppError)) throw error;
  const { parts } = cachePlaces(cache);
  const journals = readdirSync(cache).filter((name) => name.endsWith(".download"));
  const left = [...readdirSync(dirs.local), ...readdirSync(join(parts)), ...journals];
  console.log(JSON.stringify({ message: error.message, hint: error.hint, left }));
}
