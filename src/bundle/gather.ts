import { acquireForCache } from "../artifact/acquire.ts";
import { hashFile } from "../artifact/destination.ts";
import type { Progress } from "../artifact/download/progress.ts";
import { requestOf } from "../artifact/download/request.ts";
import { isWorthTelling, type Retry } from "../artifact/download/retry.ts";
import { findCached, isLocal } from "../artifact/offline.ts";
import { type ArtifactPlan, planArtifact } from "../artifact/plan.ts";
import { redactSource } from "../artifact/redact.ts";
import { settleChecksum } from "../artifact/source/read-checksum.ts";
import type { SourceRules } from "../artifact/source/rules.ts";
import { AppError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { formatBytes } from "../base/units.ts";
import { formatKey, keyOf } from "../cache/key.ts";
import { pinEntry, unpin } from "../cache/publish.ts";
import { readSource } from "../cache/source.ts";
import type { Artifact, Job } from "../job/job.ts";
import { taskPlace } from "../job/place-text.ts";
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
  /** What sources may have of this host. */
  readonly rules: SourceRules;
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

/** An artifact as it is asked for here, and as a host without a network plans it, with nothing of this one's. */
interface Wanted {
  readonly here: ArtifactPlan;
  readonly there: ArtifactPlan;
}

/**
 * Fetches what jobs fetch, each file once, into a cache where it stays until the result is disposed of. Files of the host itself are
 * left out, with a word.
 * @throws AppError `unsupported` for a source that only the host knows that runs the job, `fetch`.
 */
export async function gather(jobs: readonly NamedJob[], options: GatherOptions): Promise<Gathering> {
  const all = jobs.flatMap((job) => planAll(job, options));
  const wanted = new Map(
    all.map((one) => [JSON.stringify([requestOf(one.there), one.there.checksum, one.there.checksumFile]), one]),
  );
  const artifacts = new Map<string, Gathered>();
  const requests = new Map<string, BundledRequest>();
  const pins: (string | null)[] = [];
  const release = (): void => {
    for (const pin of pins.splice(0)) unpin(pin);
  };
  try {
    for (const { here, there } of wanted.values()) {
      const plan = await fetchOne(here, options);
      const entry = findCached(plan, options.cache);
      if (entry === undefined) throw new AppError("fetch", `${plan.source} went from the cache meanwhile`);
      pins.push(pinEntry(options.cache, entry.files));
      const { content } = entry.files;
      const sha256 = entry.key.type === "sha256" ? entry.key : await hashFile(content, "sha256", options.signal);
      const { source, checksum } = plan;
      const key = keyOf(entry.key, requestOf({ ...there, checksum }));
      artifacts.set(formatKey(key), { key, bytes: entry.record.bytes, sha256: sha256.hex, source, path: content });
      if (there.checksum !== null) continue;
      const validator = readSource(options.cache, requestOf(plan))?.validator ?? null;
      requests.set(requestOf(there), { request: requestOf(there), key, source, validator });
    }
  } catch (error) {
    release();
    throw error;
  }
  return { artifacts: [...artifacts.values()], requests: [...requests.values()], [Symbol.dispose]: release };
}

function planAll({ name, job }: NamedJob, { rules, onMessage }: GatherOptions): Wanted[] {
  // Nothing is put there, and the bytes are wanted as they are.
  const nowhere = taskDirs({ dataDir: "/nowhere", runDir: "/nowhere" }, "bundle", "bundle");
  const tasks = job.groups.flatMap((group) => group.tasks.map((task) => ({ group, task })));
  return tasks.flatMap(({ group, task }) =>
    task.artifacts.flatMap((artifact) => {
      refuseUnknown(artifact, `${name}: ${taskPlace(group, task)}`);
      const here = { ...planArtifact(artifact, nowhere, rules), unpack: null };
      const there = { ...planArtifact(artifact, nowhere), unpack: null };
      if (!isLocal(here)) return [{ here, there }];
      onMessage(`${name}: ${here.source} is the host's own, so it is not in the bundle: the host must have it`);
      return [];
    }),
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

/** @returns the plan with the checksum that a list of them gave. */
async function fetchOne(planned: ArtifactPlan, options: GatherOptions): Promise<ArtifactPlan> {
  const { cache, signal, log, onProgress, onMessage } = options;
  const { source } = planned;
  const left = new AbortController();
  // What came stays for the next try.
  const leave = (): void => left.abort(new AppError("unavailable", `${source}: given up`));
  signal.addEventListener("abort", leave, { once: true });
  let retries = 0;
  const onRetry = ({ message }: Retry): void => {
    if (isWorthTelling(++retries)) onMessage(`${message}; trying again`);
  };
  try {
    signal.throwIfAborted();
    const plan = await settleChecksum(planned, { signal: left.signal, onRetry, tell: onMessage });
    const work = { cache, log, signal: left.signal, onProgress, onRetry, onDamaged: onMessage };
    const { cached, bytes, checksum } = await acquireForCache(plan, work);
    const what = cached ? `${source} is there from before` : `fetched ${source}`;
    onMessage(`${what}: ${formatBytes(bytes)} (${checksum})`);
    return plan;
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener("abort", leave);
  }
}
