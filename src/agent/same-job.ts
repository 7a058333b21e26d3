import { isDeepStrictEqual } from "node:util";
import type { Job } from "../job/job.ts";

/** Whether two jobs say the same, whatever the order of their keys. A record comes from JSON, where what is undefined is not there. */
export function isSameJob(one: Job, other: Job): boolean {
  const plain = (job: Job): unknown => JSON.parse(JSON.stringify(job));
  return isDeepStrictEqual(plain(one), plain(other));
}
