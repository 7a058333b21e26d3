import { acquireForCache } from "../artifact/acquire.ts";
import { hashFile } from "../artifact/destination.ts";
import { findCached } from "../artifact/offline.ts";
import { type ArtifactPlan, planArtifact } from "../artifact/plan.ts";
import type { Progress } from "../artifact/progress.ts";
import { redactSource } from "../artifact/redact.ts";
import { requestOf } from "../artifact/request.ts";
import { isWorthTelling } from "../artifact/retry.ts";
import { AppError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { formatBytes } from "../base/units.ts";
import { formatKey } from "../cache/key.ts";
import { pinEntry, unpin } from "../cache/publish.ts";
import { readSource } from "../cache/source.ts";
import type { Artifact, Job } from "../job/job.ts";
import { taskDirs } from "../paths.ts";
import type { BundledArtifact, BundledRequest } from "./manifest.ts";

/** An artifact of a bundle that is to be made, and the file that has its bytes. */
export interface Gathered extends Omit<BundledArtifact, "packed"> {
  readonly path: string;
}

/** Everything that jobs fetch. */
export interface Gathering extends Disposable {
  readonly artifacts: readonly Gathered[];
  readonly requests: readonly BundledRequest[];
}

export interface GatherOptions {
  /** The directory of a cache that no agent has. */
  readonly cache: string;
  readonly signal: AbortSignal;
  readonly log: Log;
  readonly onProgress: (progress: Progress) => void;
  /** What happens, for people. */
  readonly onMessage: (message: string) => void;
}

/** A job, and what messages call its file. */
export interface NamedJob {
  readonly name: string;
  readonly job: Job;
}

/**
 * Fetches what jobs fetch, each file once, into a cache where it stays until the result is disposed of.
 * @throws AppError `unsupported` for a source that only the host knows that runs the job, `fetch`.
 */
export async function gather(jobs: readonly NamedJob[], options: GatherOptions): Promise<Gathering> {
  const plans = new Map(jobs.flatMap(plansOf).map((plan) => [JSON.stringify([requestOf(plan), plan.checksum]), plan]));
  const artifacts = new Map<string, Gathered>();
  const requests = new Map<string, BundledRequest>();
  const pins: (string | null)[] = [];
  const release = (): void => {
    for (const pin of pins.splice(0)) unpin(pin);
  };
  try {
    for (const plan of plans.values()) {
      await fetchOne(plan, options);
      const entry = findCached(plan, options.cache);
      if (entry === undefined) throw new AppError("fetch", `${plan.source} went from the cache meanwhile`);
      const { key, files, record } = entry;
      pins.push(pinEntry(options.cache, files));
      const { hex } = key.type === "sha256" ? key : await hashFile(files.content, "sha256", options.signal);
      const { source } = plan;
      artifacts.set(formatKey(key), { key, bytes: record.bytes, sha256: hex, source, path: files.content });
      if (plan.checksum !== null) continue;
      const request = requestOf(plan);
      const validator = readSource(options.cache, request)?.validator ?? null;
      requests.set(request, { request, key, source, validator });
    }
  } catch (error) {
    release();
    throw error;
  }
  return { artifacts: [...artifacts.values()], requests: [...requests.values()], [Symbol.dispose]: release };
}

function plansOf({ name, job }: NamedJob): ArtifactPlan[] {
  return job.groups.flatMap((group) =>
    group.tasks.flatMap((task) =>
      task.artifacts.map((artifact) => {
        const where = `${name}: group "${group.name}", task "${task.name}"`;
        refuseUnknown(artifact, where);
        // Nothing is put there, and the bytes are wanted as they are.
        const nowhere = taskDirs({ dataDir: "/nowhere", runDir: "/nowhere" }, "bundle", "bundle");
        return { ...planArtifact(artifact, nowhere), unpack: null };
      }),
    ),
  );
}

/** Only the host that runs a job knows what stands for `${…}`. */
function refuseUnknown({ source, options, headers }: Artifact, where: string): void {
  const texts = [source, ...Object.values(options), ...Object.values(headers)];
  if (!texts.some((text) => /\$\{[^}]*\}/.test(text))) return;
  const shown = redactSource(source);
  throw new AppError("unsupported", `${where}: artifact ${shown}: \${…} in it is known only where the job runs`, {
    hint: "write out what it stands for",
  });
}

async function fetchOne(
  plan: ArtifactPlan,
  { cache, signal, log, onProgress, onMessage }: GatherOptions,
): Promise<void> {
  const left = new AbortController();
  // What came stays for the next try.
  const leave = (): void => left.abort(new AppError("unavailable", `${plan.source}: given up`));
  signal.addEventListener("abort", leave, { once: true });
  let retries = 0;
  try {
    signal.throwIfAborted();
    const { cached, bytes, checksum } = await acquireForCache(plan, {
      cache,
      log,
      signal: left.signal,
      onProgress,
      onRetry: ({ message }) => {
        if (isWorthTelling(++retries)) onMessage(`${message}; trying again`);
      },
      onDamaged: onMessage,
    });
    const what = cached ? `${plan.source} is there from before` : `fetched ${plan.source}`;
    onMessage(`${what}: ${formatBytes(bytes)} (${checksum})`);
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener("abort", leave);
  }
}
