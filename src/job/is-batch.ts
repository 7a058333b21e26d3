import type { Job } from "./job.ts";

/** Whether a job's machines end by themselves, and are not started again when they have. */
export const isBatch = ({ type }: Pick<Job, "type">): boolean => type === "batch" || type === "sysbatch";
