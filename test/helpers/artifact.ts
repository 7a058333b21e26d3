import { afterEach, beforeEach, expect } from "bun:test";
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync } from "node:fs";
import { type AcquireOptions, acquire } from "../../src/artifact/acquire.ts";
import { type Acquired, type DownloadOptions, download } from "../../src/artifact/download.ts";
import { type ArtifactPlan, planArtifact } from "../../src/artifact/plan.ts";
import type { RetryRule } from "../../src/artifact/retry.ts";
import type { AppError } from "../../src/base/errors.ts";
import { silentLog } from "../../src/base/log.ts";
import type { Artifact } from "../../src/job/job.ts";
import { type TaskDirs, taskDirs } from "../../src/paths.ts";
import { type Origin, startOrigin } from "./origin.ts";
import { refusal } from "./refusal.ts";
import { type TempDir, tempDir } from "./temp.ts";

/** A download that asks its source once. */
export const ONCE: RetryRule = { tries: 1, firstMillis: 1, longestMillis: 1 };

/** What the origin of a bench serves as `/a.img` until a test has it answer otherwise. */
export const BODY = Buffer.from("0123456789".repeat(10_000));

/** A checksum as a job file writes it. */
export function sum(type: string, body: Uint8Array = BODY): string {
  return `${type}:${createHash(type).update(body).digest("hex")}`;
}

export type Wanted = Partial<Artifact> & { readonly checksum?: string };

/** What each test of a file has for itself: a task's directories, an origin, and downloads from anywhere into the one. */
export interface ArtifactBench {
  readonly dir: TempDir;
  readonly dirs: TaskDirs;
  readonly origin: Origin;
  readonly plan: (source: string, wanted?: Wanted) => ArtifactPlan;
  /** A download in this thread: what the Worker runs. */
  readonly get: (source: string, wanted?: Wanted, options?: Partial<DownloadOptions>) => Promise<Acquired>;
  /** A download in a Worker, as the agent does it. */
  readonly getByWorker: (
    source: string,
    wanted?: Wanted,
    options?: Partial<AcquireOptions>,
    start?: () => Worker,
  ) => Promise<Acquired>;
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
    plan,
    get: (source, wanted, options) => {
      const signal = new AbortController().signal;
      const silent = { onProgress: () => undefined, onRetry: () => undefined };
      return download(plan(source, wanted), { signal, ...silent, stallMillis: 10_000, retry: ONCE, ...options });
    },
    getByWorker: (source, wanted, options, start) => {
      const signal = new AbortController().signal;
      const defaults = { signal, onProgress: () => undefined, log: silentLog, retry: ONCE };
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

function planWanted(dirs: TaskDirs, source: string, { checksum, ...rest }: Wanted): ArtifactPlan {
  const options: Record<string, string> = checksum === undefined ? {} : { checksum };
  const plain = { destination: "local/", mode: "any", options, headers: {}, insecure: false } as const;
  return planArtifact({ source, ...plain, ...rest }, dirs);
}
