import { type Entry, lookUp } from "../cache/entry.ts";
import { keyOf } from "../cache/key.ts";
import { readSource } from "../cache/source.ts";
import { requestOf } from "./download/request.ts";
import type { ArtifactPlan } from "./plan.ts";
import type { SourcePlan } from "./source/plan.ts";
import { PLAIN_RULES, readRules, type SourceRules, type SourceSettings } from "./source/rules.ts";

/** What is said of an artifact that an agent without a network does not have. */
export const NOT_CACHED = "it is not in the cache, and this agent is told to be offline";

/** What to do about it. */
export const LOAD_HINT =
  "make a bundle where there is a network (paddock image bundle -o site.tar JOB), bring it here and load it (paddock image load site.tar)";

/**
 * What sources may have of this host. Without a network that is the host's own files: credentials are for asking somebody, and what
 * was bundled is known by a request without any, so that a host need not have those of the laptop that made it.
 * @throws AppError `invalid` as `readRules` does.
 */
export function rulesFor(settings: SourceSettings, offline: boolean): SourceRules {
  const { filePaths, agentDirs } = settings;
  return offline ? { ...PLAIN_RULES, filePaths, agentDirs } : readRules(settings);
}

/** Whether a source is the host's own: nobody is asked for it over a network. */
export function isLocal({ via, url }: Pick<SourcePlan, "via" | "url">): boolean {
  return via.kind === "file" || (via.kind === "git" && url.startsWith("file:"));
}

/** What is left of a plan without a network: a list of checksums that lies elsewhere says nothing, and the request alone counts. */
export function planOffline(plan: ArtifactPlan): ArtifactPlan {
  const { checksumFile } = plan;
  return checksumFile === null || isLocal(checksumFile.from) ? plan : { ...plan, checksumFile: null };
}

/**
 * What a start would take from the cache without asking anybody: by its checksum, or without one by its request.
 * @returns undefined when there is nothing sound.
 */
export function findCached(plan: ArtifactPlan, cache: string): Entry | undefined {
  const request = requestOf(plan);
  const key = plan.checksum === null ? readSource(cache, request)?.key : keyOf(plan.checksum, request);
  const found = key === undefined ? undefined : lookUp(cache, key);
  return found?.kind === "there" ? found.entry : undefined;
}
