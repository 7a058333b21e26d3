import { accessSync, constants } from "node:fs";
import { findCached, isLocal, planOffline, rulesFor } from "../../artifact/offline.ts";
import { type ArtifactPlan, planArtifact } from "../../artifact/plan.ts";
import { redactSource } from "../../artifact/redact.ts";
import { rulesWithoutFiles, type SourceRules } from "../../artifact/source/rules.ts";
import { AppError, errnoOf } from "../../base/errors.ts";
import { formatBytes } from "../../base/units.ts";
import type { Entry } from "../../cache/entry.ts";
import type { Job } from "../../job/job.ts";
import { cacheDir } from "../../paths.ts";
import { awaitsAllocation, type ForeseenArtifact, foreseeArtifacts } from "../foresee/artifacts.ts";
import type { Finding, PlanContext } from "./finding.ts";

/** What a new allocation would fetch, and what of it is in the cache already. Asks nobody. */
export function findArtifacts(context: PlanContext, job: Job): Finding[] {
  const seen = mayLookInto(cacheDir(context.dirs));
  return foreseeArtifacts(context, job).map((foreseen) => {
    const found = lookAt(context, foreseen, seen);
    const text = `${redactSource(foreseen.artifact.source)}: ${found.text}`;
    return { topic: "artifact", where: foreseen.where, ok: found.ok, text };
  });
}

type Found = Pick<Finding, "ok" | "text">;

/** Whoever plans without an agent may be another user than the one whose cache it is. */
function mayLookInto(cache: string): boolean {
  try {
    accessSync(cache, constants.R_OK | constants.X_OK);
    return true;
  } catch (error) {
    return errnoOf(error) === "ENOENT";
  }
}

/** @param seen false where nobody here may look into the cache. */
function lookAt(context: PlanContext, { artifact, dirs }: ForeseenArtifact, seen: boolean): Found {
  if (awaitsAllocation(artifact)) return { ok: true, text: "what is fetched is known once there is an allocation" };
  try {
    return describe(context, planArtifact(artifact, dirs, sourceRulesOf(context)), seen);
  } catch (error) {
    if (error instanceof AppError) return { ok: false, text: error.message };
    throw error;
  }
}

/** Files with credentials may be gone just now, which keeps nobody from planning. */
export function sourceRulesOf({ sources, site }: PlanContext): SourceRules {
  try {
    return rulesFor(sources, site.offline);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return rulesWithoutFiles(sources);
  }
}

function describe({ dirs, site: { offline } }: PlanContext, planned: ArtifactPlan, seen: boolean): Found {
  if (isLocal(planned)) return { ok: true, text: "of this host itself, nothing is fetched" };
  if (!seen)
    return { ok: true, text: "it is fetched, unless the agent has it in its cache, which this user may not look into" };
  const plan = offline ? planOffline(planned) : planned;
  const entry = plan.checksumFile === null ? findCached(plan, cacheDir(dirs)) : undefined;
  if (entry !== undefined) return { ok: true, text: `in the cache, ${sizeOf(entry)}: ${askingText(plan, offline)}` };
  if (offline) return { ok: false, text: "not in the cache, and this agent is told to be offline" };
  if (plan.checksumFile === null) return { ok: true, text: "not in the cache, it is fetched" };
  return { ok: true, text: "its checksum is read from its list, then it is fetched unless it is in the cache" };
}

const sizeOf = ({ record }: Entry): string => formatBytes(record.bytes);

function askingText({ checksum }: ArtifactPlan, offline: boolean): string {
  return checksum !== null || offline ? "nothing is fetched" : "its server is asked whether it has another one by now";
}
