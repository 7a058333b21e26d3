import { acquireForCache } from "../../../src/artifact/acquire.ts";
import { planArtifact } from "../../../src/artifact/plan.ts";
import { silentLog } from "../../../src/base/log.ts";
import { sweepCache } from "../../../src/cache/collect.ts";
import { cacheDir, taskDirs } from "../../../src/paths.ts";
import { SOON } from "../../helpers/ranged-download.ts";

/** Fetches `argv[2]` over several connections into the cache below `argv[3]`, as an agent that was started anew does. */
const [, , source = "", dataDir = ""] = process.argv;
const dirs = { dataDir, runDir: dataDir };
const cache = cacheDir(dirs);
sweepCache(cache);
const plan = planArtifact(
  { source, destination: "local/", mode: "any", options: {}, headers: {}, insecure: false },
  taskDirs(dirs, "id", "vm"),
);
const signal = new AbortController().signal;
await acquireForCache(plan, { signal, onProgress: () => undefined, log: silentLog, cache, ranges: SOON });
