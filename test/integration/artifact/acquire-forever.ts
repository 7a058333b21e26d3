import { mkdirSync, rmSync } from "node:fs";
import { acquire } from "../../../src/artifact/acquire.ts";
import { planArtifact } from "../../../src/artifact/plan.ts";
import { silentLog } from "../../../src/base/log.ts";
import { collectCache, sweepCache } from "../../../src/cache/collect.ts";
import { cacheDir, taskDirs } from "../../../src/paths.ts";

/**
 * Fetches `argv[2]` below `argv[3]` again and again, by link and as a copy, each time from an empty cache, until it is killed. With
 * `argv[4]` only once.
 */
const [, , source = "", dataDir = "", once] = process.argv;
const dirs = taskDirs({ dataDir, runDir: dataDir }, "id", "vm");
const cache = cacheDir({ dataDir, runDir: dataDir });
mkdirSync(dirs.local, { recursive: true });
sweepCache(cache);
const plan = planArtifact(
  { source, destination: "local/", mode: "any", options: {}, headers: {}, insecure: false },
  dirs,
);
for (let round = 0; ; round++) {
  const signal = new AbortController().signal;
  const placing = round % 2 === 0 ? "own" : "link";
  const { path } = await acquire(plan, { signal, onProgress: () => undefined, log: silentLog, cache, placing });
  if (once !== undefined) break;
  console.log(round);
  rmSync(path);
  await collectCache(cache, { maxBytes: 1, maxAgeMillis: 0 });
}
