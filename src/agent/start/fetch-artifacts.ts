import { acquire } from "../../artifact/acquire.ts";
import { assertApart } from "../../artifact/collision.ts";
import { isWorthTelling, type Retry } from "../../artifact/download/retry.ts";
import { artifactError } from "../../artifact/failure.ts";
import { planOffline, rulesFor } from "../../artifact/offline.ts";
import { planForFile } from "../../artifact/place.ts";
import { type ArtifactPlan, planArtifact } from "../../artifact/plan.ts";
import { settleChecksum } from "../../artifact/source/read-checksum.ts";
import type { Fetched, Placing } from "../../artifact/unpack/fetched.ts";
import { formatBytes } from "../../base/units.ts";
import { interpolateText } from "../../job/interpolate.ts";
import type { Artifact } from "../../job/job.ts";
import { directoryOfSibling } from "../../job/task-directories.ts";
import { cacheDir } from "../../paths.ts";
import type { PrepareRequest } from "../../supervisor/hands.ts";
import type { AgentContext } from "../context.ts";
import { withGitUser } from "./machine-users.ts";
import type { Subject } from "./subject.ts";

/** How many artifacts of a task are fetched at once, as in Nomad. */
const PARALLEL_ARTIFACTS = 3;

/**
 * Fetches what a task's job file asks for; a restart or the next agent goes on with what is half there.
 * @param placing says how the file gets to its path.
 * @param tell puts a message into the task's events.
 * @throws AppError of the first artifact that failed; the others are given up then.
 */
export async function fetchArtifacts(
  context: Pick<AgentContext, "dirs" | "site" | "sources" | "users" | "node" | "cacheKeeper" | "artifactTurns" | "log">,
  request: PrepareRequest,
  { task, env }: Pick<Subject, "task" | "env">,
  placing: (path: string) => Placing,
  tell: (message: string) => void,
): Promise<readonly Fetched[]> {
  tell("Client is downloading artifacts");
  const waiting = task.artifacts.map((artifact) => interpolateArtifact(artifact, env, context));
  const { offline } = context.site;
  const rules = rulesFor(context.sources, offline);
  const plans = waiting.map((artifact) =>
    withGitUser(context.users, planArtifact(artifact, request.place.dirs, rules)),
  );
  assertApart(plans);
  assertNoSiblings(plans, request);
  const fetched: Fetched[] = [];
  const failed = new AbortController();
  const signal = AbortSignal.any([request.signal, failed.signal]);
  const next = async (): Promise<void> => {
    for (let planned = plans.shift(); planned !== undefined; planned = plans.shift()) {
      const { source } = planned;
      let retries = 0;
      // What was on its way when the agent ended has no store any more.
      const onRetry = (retry: Retry): void => {
        if (!signal.aborted && isWorthTelling(++retries)) tell(describeRetry(retry, retries));
      };
      if (planned.insecure) tell(describeInsecure(source));
      const plan = await settleChecksum(offline ? planOffline(planned) : planned, { signal, onRetry, tell });
      const got = await acquire(plan, {
        signal,
        log: context.log,
        cache: cacheDir(context.dirs),
        offline,
        placing: placing(planForFile(plan).target.path),
        onProgress: (progress) => request.onProgress({ source, ...progress }),
        onRetry,
        onDamaged: (message) => tell(`${message}; ${source} is fetched again`),
        turns: context.artifactTurns,
        onWait: (before) => tell(describeWait(source, before)),
      });
      fetched.push(got);
      if (!got.cached && !got.skipped) context.cacheKeeper.grown();
      tell(describeFetched(source, got) + describeUnpacked(got));
    }
  };
  const workers = Array.from({ length: Math.min(PARALLEL_ARTIFACTS, plans.length) }, () =>
    next().catch((error: unknown) => {
      // One failure is enough: what is still being fetched is of no use.
      failed.abort(error);
      throw error;
    }),
  );
  const settled = await Promise.allSettled(workers);
  request.onProgress(undefined);
  if (settled.some(({ status }) => status === "rejected")) throw failed.signal.reason;
  return fetched;
}

/** What lies in another machine's directory is that machine's, which may have been taken over. @throws AppError `fetch`. */
function assertNoSiblings(plans: readonly ArtifactPlan[], { allocation, task, place }: PrepareRequest): void {
  const tasks = Object.keys(allocation.tasks);
  for (const { source, target } of plans) {
    const sibling = directoryOfSibling(target.path, { task, alloc: place.dirs.alloc, tasks });
    if (sibling === undefined) continue;
    throw artifactError(source, `its destination is in the directory of task "${sibling}"`, "let that task fetch it");
  }
}

/** That nobody proves who the server is. */
export function describeInsecure(source: string): string {
  return `${source} is fetched without a look at its server's certificate (insecure = true)`;
}

/** That it is not yet a source's turn. @param before how many others are under way or wait longer. */
export function describeWait(source: string, before: number): string {
  const others = before === 1 ? "1 other artifact" : `${before} other artifacts`;
  return `${source} waits for ${others}; so many at a time as client.artifact.parallel says`;
}

/** That a source failed and is asked again. @param retries how often that happened. */
export function describeRetry({ message, bytes, millis }: Retry, retries: number): string {
  const from = bytes === 0 ? "begins anew" : `goes on after the ${formatBytes(bytes)} that came`;
  return `${message}; try ${retries + 1} in ${(millis / 1000).toFixed(1)} s ${from}`;
}

/** Where an artifact came from. */
export function describeFetched(
  source: string,
  { skipped, cached, bytes, resumed, millis, checksum }: Omit<Fetched, "unpacked" | "linked" | "path">,
): string {
  if (skipped) return `${source} is there already (${checksum})`;
  if (cached) return `${source} comes from the cache, nothing was fetched: ${formatBytes(bytes)} (${checksum})`;
  const earlier = resumed === 0 ? "" : `, ${formatBytes(resumed)} of it were there from an earlier try`;
  return `fetched ${source}: ${formatBytes(bytes)} in ${(millis / 1000).toFixed(1)} s${earlier} (${checksum})`;
}

/** What was unpacked of it, as the end of a sentence. */
export function describeUnpacked({ unpacked }: Pick<Fetched, "unpacked">): string {
  if (unpacked === null) return "";
  const { files, bytes, millis } = unpacked;
  const count = `${files} ${files === 1 ? "file" : "files"}, ${formatBytes(bytes)}`;
  return `; unpacked ${count} in ${(millis / 1000).toFixed(1)} s`;
}

/** An artifact with its values instead of `${…}`. */
export function interpolateArtifact(
  artifact: Artifact,
  env: Subject["env"],
  context: Pick<AgentContext, "node">,
): Artifact {
  const node = context.node();
  const text = (value: string): string => interpolateText(value, env, node);
  const map = (values: Readonly<Record<string, string>>): Record<string, string> =>
    Object.fromEntries(Object.entries(values).map(([key, value]) => [key, text(value)]));
  return {
    ...artifact,
    source: text(artifact.source),
    destination: text(artifact.destination),
    options: map(artifact.options),
    headers: map(artifact.headers),
  };
}
