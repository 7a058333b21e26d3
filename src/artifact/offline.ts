import { type Entry, lookUp } from "../cache/entry.ts";
import { keyOf } from "../cache/key.ts";
import { readSource } from "../cache/source.ts";
import type { ArtifactPlan } from "./plan.ts";
import { requestOf } from "./request.ts";

/** What is said of an artifact that an agent without a network does not have. */
export const NOT_CACHED = "it is not in the cache, and this agent is told to be offline";

/** What to do about it. */
export const LOAD_HINT =
  "make a bundle where there is a network (paddock image bundle -o site.tar JOB), bring it here and load it (paddock image load site.tar)";

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
