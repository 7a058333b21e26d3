import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { acquire, acquireForCache } from "../../../src/artifact/acquire.ts";
import { type ArtifactPlan, planArtifact } from "../../../src/artifact/plan.ts";
import type { Placing } from "../../../src/artifact/unpack/fetched.ts";
import { AppError } from "../../../src/base/errors.ts";
import { silentLog } from "../../../src/base/log.ts";
import { lookUp } from "../../../src/cache/entry.ts";
import { type EntryKey, parseKey } from "../../../src/cache/key.ts";
import { cacheDir, taskDirs } from "../../../src/paths.ts";

/**
 * Fetches `argv[2]`, `/a` and `/b` of it, below `argv[3]`, a file system that has no room for both, and prints what came of the
 * second. What the first became stays when `argv[4]` is "used". `argv[5]` says how they get to their places, and `argv[6]` is "offline"
 * for an agent without a network that has both in its cache.
 */
const [, , origin = "", dataDir = "", first = "", how = "", site = ""] = process.argv;
const dirs = taskDirs({ dataDir, runDir: dataDir }, "id", "vm");
const cache = cacheDir({ dataDir, runDir: dataDir });
mkdirSync(dirs.local, { recursive: true });

const work = { signal: new AbortController().signal, onProgress: () => undefined, log: silentLog, cache };

function plan(path: string, options: Record<string, string> = {}): ArtifactPlan {
  const artifact = { source: `${origin}${path}`, destination: "local/", mode: "any", options } as const;
  return planArtifact({ ...artifact, headers: {}, insecure: false }, dirs);
}

async function fetchOne(
  path: string,
  placing: Placing,
  options: Record<string, string> = {},
  offline = false,
): Promise<EntryKey | undefined> {
  return parseKey((await acquire(plan(path, options), { ...work, placing, offline })).checksum);
}

const key = await fetchOne("/a", "link");
if (first !== "used") rmSync(`${dirs.local}/a`);
if (site === "offline") await acquireForCache(plan("/b"), work);
let message = "";
try {
  await fetchOne("/b", how === "own" ? "own" : "link", how === "unpacked" ? { archive: "gz" } : {}, site === "offline");
} catch (error) {
  if (!(error instanceof AppError)) throw error;
  message = error.message;
}
const kept = key !== undefined && lookUp(cache, key).kind === "there";
console.log(JSON.stringify({ message, kept, local: readdirSync(dirs.local), parts: readdirSync(`${cache}/parts`) }));
