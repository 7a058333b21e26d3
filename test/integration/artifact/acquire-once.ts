import { mkdirSync } from "node:fs";
import { acquire } from "../../../src/artifact/acquire.ts";
import { planArtifact } from "../../../src/artifact/plan.ts";
import { AppError } from "../../../src/base/errors.ts";
import { silentLog } from "../../../src/base/log.ts";
import { sweepCache } from "../../../src/cache/collect.ts";
import { cacheDir, taskDirs } from "../../../src/paths.ts";
import { SOON } from "../../helpers/ranged-download.ts";

/**
 * Fetches `argv[2]` below `argv[3]` as an agent does that was just started, with the checksum `argv[4]` unless it is "", and bears a
 * silence of `argv[5]` milliseconds. Says so when it begins; ends with 0 when the file is there, and with 1 and a message in JSON when it
 * is not to be had.
 */
const [, , source = "", dataDir = "", checksum = "", stall] = process.argv;
const dirs = taskDirs({ dataDir, runDir: dataDir }, "id", "vm");
const cache = cacheDir({ dataDir, runDir: dataDir });
mkdirSync(dirs.local, { recursive: true });
sweepCache(cache);
const options: Record<string, string> = checksum === "" ? {} : { checksum };
const artifact = { source, destination: "local/", mode: "any", options, headers: {}, insecure: false } as const;
const plan = planArtifact(artifact, dirs);
console.log("begun");
try {
  const retry = { tries: 4, firstMillis: 1, longestMillis: 20 };
  const work = { onProgress: () => undefined, log: silentLog, stallMillis: Number(stall), retry, ranges: SOON };
  await acquire(plan, { ...work, signal: new AbortController().signal, cache, placing: "own" });
} catch (error) {
  if (!(error instanceof AppError)) throw error;
  console.log(JSON.stringify({ code: error.code, message: error.message }));
  process.exitCode = 1;
}
