import { findCached, isLocal, LOAD_HINT, planOffline, rulesFor } from "../artifact/offline.ts";
import { planArtifact } from "../artifact/plan.ts";
import { AppError } from "../base/errors.ts";
import { formatChecksum } from "../cache/checksum.ts";
import { buildTaskEnvironment } from "../job/environment.ts";
import type { Group, Job, Task } from "../job/job.ts";
import { cacheDir, taskDirs } from "../paths.ts";
import type { AgentContext } from "./context.ts";
import { interpolateArtifact } from "./fetch-artifacts.ts";

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
  return job.groups
    .filter(({ count }) => count > 0)
    .flatMap((group) => group.tasks.flatMap((task) => missingOf(context, job, group, task)));
}

function missingOf(context: OfflineContext, job: Job, group: Group, task: Task): string[] {
  // An artifact that hangs on the allocation's own id or ports cannot have been fetched before.
  const dirs = taskDirs(context.dirs, "offline", task.name);
  const allocId = "00000000-0000-0000-0000-000000000000";
  const place = { allocId, allocName: `${job.id}.${group.name}[0]`, allocIndex: 0, dirs, ports: [], cores: [] };
  const env = buildTaskEnvironment({ job, group, task, node: context.node(), ...place });
  const rules = rulesFor(context.sources, true);
  return task.artifacts.flatMap((artifact) => {
    const plan = planOffline(planArtifact(interpolateArtifact(artifact, env, context), dirs, rules));
    // What the host itself has to give is looked at when it is wanted.
    if (isLocal(plan) || plan.checksumFile !== null) return [];
    if (findCached(plan, cacheDir(context.dirs)) !== undefined) return [];
    const checksum = plan.checksum === null ? "without a checksum" : formatChecksum(plan.checksum);
    return [`group "${group.name}", task "${task.name}": ${plan.source} (${checksum})`];
  });
}
