import type { Group, Job } from "./job.ts";

/** The groups that are to have machines: one with `count = 0` is kept for later. */
export const groupsToRun = ({ groups }: Pick<Job, "groups">): Group[] => groups.filter(({ count }) => count > 0);
