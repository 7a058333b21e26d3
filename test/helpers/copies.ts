import type { Allocation } from "../../src/allocation/allocation.ts";
import type { Group, Job } from "../../src/job/job.ts";
import { allocation, jobOf, jobText } from "./records.ts";

/** A job of groups with so many copies each. @param change made of every group. */
export function groupsJob(counts: Readonly<Record<string, number>>, change: Partial<Group> = {}): Job {
  const job = jobOf(jobText());
  const [group] = job.groups;
  if (group === undefined) throw new Error("the job of the tests has no group");
  const groups = Object.entries(counts).map(([name, count]): Group => ({ ...group, ...change, name, count }));
  return { ...job, groups };
}

/** An allocation of such a job; its id says which copy it is and which change made it. */
export function copyOf(change: Partial<Allocation> & Pick<Allocation, "group" | "index">): Allocation {
  const { group, index, createIndex = 1 } = change;
  const id = `${group}${index}-${createIndex}`;
  return allocation({ id, name: `web.${group}[${index}]`, createIndex, ...change });
}
