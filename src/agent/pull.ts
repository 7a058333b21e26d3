import { acquireForCache } from "../artifact/acquire.ts";
import type { Progress } from "../artifact/download/progress.ts";
import { isWorthTelling, type Retry } from "../artifact/download/retry.ts";
import { planOffline, rulesFor } from "../artifact/offline.ts";
import { planArtifact } from "../artifact/plan.ts";
import { settleChecksum } from "../artifact/source/read-checksum.ts";
import type { Brought } from "../artifact/unpack/fetched.ts";
import { AppError } from "../base/errors.ts";
import type { Artifact } from "../job/job.ts";
import { cacheDir, taskDirs } from "../paths.ts";
import type { AgentContext } from "./context.ts";
import {
  describeFetched,
  describeInsecure,
  describeRetry,
  describeUnpacked,
  describeWait,
} from "./start/fetch-artifacts.ts";
import { withGitUser } from "./start/machine-users.ts";

/** What is to be fetched, as a job says it. */
export type PulledArtifact = Pick<Artifact, "source" | "options" | "headers" | "insecure">;

export interface PullOptions {
  /** Gives it up; what came stays for a later try. */
  readonly signal: AbortSignal;
  readonly onProgress: (progress: Progress) => void;
  /** What happens, for people. */
  readonly onMessage: (message: string) => void;
}

/** A request that can be carried out. */
export interface Pull {
  /** Without its secrets. */
  readonly source: string;
  /** @throws AppError `fetch`. */
  run(options: PullOptions): Promise<Brought>;
}

/**
 * Fetches an artifact for jobs that are to come; a job that fetches the same at that time and this one share the download.
 * @throws AppError `invalid`, `unsupported` as for a job's artifact.
 */
export function planPull(
  {
    dirs,
    site,
    sources,
    users,
    cacheKeeper,
    artifactTurns,
    log,
  }: Pick<AgentContext, "dirs" | "site" | "sources" | "users" | "cacheKeeper" | "artifactTurns" | "log">,
  artifact: PulledArtifact,
): Pull {
  // No allocation is called so, and nothing is put below it: what is fetched stays in the cache.
  const nowhere = taskDirs(dirs, "pull", "pull");
  const wanted = { ...artifact, destination: "local/", mode: "any" } as const;
  const plan = withGitUser(users, planArtifact(wanted, nowhere, rulesFor(sources, site.offline)));
  const { source } = plan;
  const run = async ({ signal, onProgress, onMessage }: PullOptions): Promise<Brought> => {
    const left = new AbortController();
    const leave = (): void => left.abort(new AppError("unavailable", `${source}: nobody waits for it any more`));
    signal.addEventListener("abort", leave, { once: true });
    if (signal.aborted) leave();
    let retries = 0;
    const onRetry = (retry: Retry): void => {
      if (isWorthTelling(++retries)) onMessage(describeRetry(retry, retries));
    };
    try {
      if (plan.insecure) onMessage(describeInsecure(source));
      const settled = await settleChecksum(site.offline ? planOffline(plan) : plan, {
        signal: left.signal,
        onRetry,
        tell: onMessage,
      });
      const brought = await acquireForCache(settled, {
        signal: left.signal,
        cache: cacheDir(dirs),
        offline: site.offline,
        log,
        onProgress,
        onRetry,
        onDamaged: (message) => onMessage(`${message}; ${source} is fetched again`),
        turns: artifactTurns,
        onWait: (before) => onMessage(describeWait(source, before)),
      });
      if (!brought.cached) cacheKeeper.grown();
      onMessage(describeFetched(source, { ...brought, skipped: false }) + describeUnpacked(brought));
      return brought;
    } finally {
      signal.removeEventListener("abort", leave);
    }
  };
  return { source, run };
}
