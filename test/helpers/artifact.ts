import { afterEach, beforeEach, expect } from "bun:test";
import { mkdirSync, readdirSync } from "node:fs";
import { DEFAULT_LIMITS, type Limits } from "../../src/archive/limits.ts";
import { type AcquireOptions, acquire } from "../../src/artifact/acquire.ts";
import { type Acquired, type DownloadOptions, download } from "../../src/artifact/download/download.ts";
import type { RetryRule } from "../../src/artifact/download/retry.ts";
import { type ArtifactPlan, planArtifact } from "../../src/artifact/plan.ts";
import { PLAIN_RULES, type SourceRules } from "../../src/artifact/source/rules.ts";
import { perform } from "../../src/artifact/task.ts";
import type { Brought, Fetched } from "../../src/artifact/unpack/fetched.ts";
import type { AppError } from "../../src/base/errors.ts";
import { silentLog } from "../../src/base/log.ts";
import { unpin } from "../../src/cache/publish.ts";
import type { Artifact } from "../../src/job/job.ts";
import { cacheDir, type TaskDirs, taskDirs } from "../../src/paths.ts";
import { checksumOf } from "./hash.ts";
import { type Origin, startOrigin } from "./origin.ts";
import { refusal } from "./refusal.ts";
import { type TempDir, tempDir } from "./temp.ts";

/** A download that asks its source once. */
export const ONCE: RetryRule = { tries: 1, firstMillis: 1, longestMillis: 1 };

/** What the origin of a bench serves as `/a.img` until a test has it answer otherwise. */
export const BODY = Buffer.from("0123456789".repeat(10_000));

/** A checksum as a job file writes it. */
export function sum(type: string, body: Uint8Array = BODY): string {
  return checksumOf(body, type);
}

export type Wanted = Partial<Artifact> & { readonly checksum?: string; readonly rules?: Partial<SourceRules> };

/** What each test of a file has for itself: a task's directories, an origin, and downloads from anywhere into the one. */
export interface ArtifactBench {
  readonly dir: TempDir;
  readonly dirs: TaskDirs;
  readonly origin: Origin;
  /** The agent's cache. */
  readonly cache: string;
  readonly plan: (source: string, wanted?: Wanted) => ArtifactPlan;
  /** A download in this thread: what the Worker runs. */
  readonly get: (source: string, wanted?: Wanted, options?: Partial<DownloadOptions>) => Promise<Acquired>;
  /** A download in a Worker, as the agent does it. */
  readonly getByWorker: (
    source: string,
    wanted?: Wanted,
    options?: Partial<AcquireOptions>,
    start?: () => Worker,
  ) => Promise<Fetched>;
  /** Expects that a download fails with `message` and leaves the destination directory as it was. */
  readonly expectFailure: (promise: Promise<Acquired>, message: string) => Promise<AppError>;
}

/** Makes the bench before each test of the file that calls this, and removes it afterwards. */
export function artifactBench(): ArtifactBench {
  let dir: TempDir;
  let dirs: TaskDirs;
  let origin: Origin;

  beforeEach(async () => {
    dir = tempDir();
    dirs = taskDirs({ dataDir: dir.path, runDir: dir.path }, "id", "vm");
    mkdirSync(dirs.local, { recursive: true });
    origin = await startOrigin({ "/a.img": { kind: "bytes", body: BODY } });
  });

  afterEach(async () => {
    await origin[Symbol.asyncDispose]();
    await dir[Symbol.asyncDispose]();
  });

  const plan = (source: string, wanted: Wanted = {}) => planWanted(dirs, source, wanted);
  return {
    get dir() {
      return dir;
    },
    get dirs() {
      return dirs;
    },
    get origin() {
      return origin;
    },
    get cache() {
      return byCache(dir.path).cache;
    },
    plan,
    get: async (source, wanted, options) => {
      const signal = new AbortController().signal;
      const silent = { onProgress: () => undefined, onRetry: () => undefined };
      const defaults = { signal, ...silent, stallMillis: 10_000, retry: ONCE };
      const got = await download(plan(source, wanted), { ...defaults, ...options });
      if (got === null) throw new Error("nothing was known before");
      return got;
    },
    getByWorker: (source, wanted, options, start) => {
      const signal = new AbortController().signal;
      const defaults = { signal, onProgress: () => undefined, log: silentLog, retry: ONCE, ...byCache(dir.path) };
      return acquire(plan(source, wanted), { ...defaults, ...options }, start);
    },
    expectFailure: async (promise, message) => {
      const error = await refusal(promise);
      expect(error.message).toContain(message);
      expect(error.code).toBe("fetch");
      expect(readdirSync(dirs.local)).toEqual([]);
      return error;
    },
  };
}

/** How the tests of a data directory get artifacts unless they say otherwise. */
export function byCache(dataDir: string): Pick<AcquireOptions, "cache" | "placing"> {
  return { cache: cacheDir({ dataDir, runDir: dataDir }), placing: "own" };
}

function planWanted(dirs: TaskDirs, source: string, { checksum, rules, ...rest }: Wanted): ArtifactPlan {
  const options: Record<string, string> = checksum === undefined ? {} : { checksum };
  const plain = { destination: "local/", mode: "any", options, headers: {}, insecure: false } as const;
  return planArtifact({ source, ...plain, ...rest }, dirs, { ...PLAIN_RULES, ...rules });
}

/** Fetches and places in this thread, as the Workers of `acquire` do one after the other. */
export async function fetchHere(
  plan: ArtifactPlan,
  cache: string,
  options: Partial<DownloadOptions> = {},
  limits: Limits = DEFAULT_LIMITS,
): Promise<Brought> {
  const silent = { onProgress: () => undefined, onRetry: () => undefined, onDamaged: () => undefined };
  const defaults = { signal: new AbortController().signal, ...silent, stallMillis: 10_000, retry: ONCE };
  const outcome = await perform({ kind: "bring", plan, cache }, { ...defaults, ...options }, limits);
  if (outcome.kind !== "brought") throw new Error(outcome.kind);
  const { key, cached, pin, unpacked } = outcome.brought;
  try {
    const placed = await perform({ kind: "place", plan, cache, key, cached }, { ...defaults, ...options }, limits);
    if (placed.kind !== "placed") throw new Error(placed.kind);
    return { ...outcome.brought, unpacked: placed.unpacked ?? unpacked };
  } finally {
    unpin(pin);
  }
}
