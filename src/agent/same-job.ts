import { isDeepStrictEqual } from "node:util";
import type { Job } from "../job/job.ts";

/**
 * Whether a machine would run on as it does. What `sticky` says counts when it is replaced, by the job that replaces it; its default was
 * another one in a former version.
 */
export function isSameJob(one: Job, other: Job): boolean {
  const plain = (job: Job): unknown => {
    const groups = job.groups.map((group) => ({ ...group, ephemeral_disk: { ...group.ephemeral_disk, sticky: true } }));
    return JSON.parse(JSON.stringify({ ...job, groups }));
  };
  return isDeepStrictEqual(plain(one), plain(other));
}
