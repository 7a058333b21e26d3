import { findCached, isLocal, LOAD_HINT, planOffline, rulesFor } from "../artifact/offline.ts";
import { planArtifact } from "../artifact/plan.ts";
import { AppError } from "../base/errors.ts";
import { formatChecksum } from "../cache/checksum.ts";
import type { Job } from "../job/job.ts";
import { cacheDir } from "../paths.ts";
import type { AgentContext } from "./context.ts";
import { type ForeseenArtifact, foreseeArtifacts } from "./foresee/artifacts.ts";

type OfflineContext = Pick<AgentContext, "site" | "sources" | "dirs" | "node">;

/** Refuses a job that would fail for want of a network. @throws AppError `unplaceable` naming each artifact that lacks. */
export function assertCached(context: OfflineContext, job: Job): void {
  const missing = findUncached(context, job);
  if (missing.length === 0) return;
  const lines = missing.map((line) => `  ${line}`);
  const what = `job "${job.id}" needs what is not in the cache, and this agent is told to be offline:`;
  throw new AppError("unplaceable", [what, ...lines].join("\n"), { hint: LOAD_HINT });
}

/** What a job fetches that an agent without a network does not have, a line each; nothing while there is a network. */
export function findUncached(context: OfflineContext, job: Job): string[] {
  if (!context.site.offline) return [];
  return foreseeArtifacts(context, job).flatMap((artifact) => missingOf(context, artifact));
}

function missingOf(context: OfflineContext, { artifact, dirs, where }: ForeseenArtifact): string[] {
  // An artifact that hangs on the allocation's own id or ports cannot have been fetched before.
  const plan = planOffline(planArtifact(artifact, dirs, rulesFor(context.sources, true)));
  // What the host itself has to give is looked at when it is wanted.
  if (isLocal(plan) || plan.checksumFile !== null) return [];
  if (findCached(plan, cacheDir(context.dirs)) !== undefined) return [];
  const checksum = plan.checksum === null ? "without a checksum" : formatChecksum(plan.checksum);
  return [`${where}: ${plan.source} (${checksum})`];
}
