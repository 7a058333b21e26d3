import { AppError } from "../../base/errors.ts";
import { shortId } from "../../base/ids.ts";
import { shellWord } from "../../base/text.ts";
import { ask, type Client } from "../../client/client.ts";
import type { Allocation, JobEntry } from "../../client/replies.ts";

/** Whether nothing of an allocation runs or will run: one that has failed may have machines that are still being stopped. */
export function isOver({ ClientStatus, TaskStates }: Pick<Allocation, "ClientStatus" | "TaskStates">): boolean {
  if (ClientStatus === "complete") return true;
  return hasFailed({ ClientStatus }) && Object.values(TaskStates).every(({ State }) => State === "dead");
}

/** Whether a machine of an allocation has failed for good; nothing of it will run then. */
export const hasFailed = ({ ClientStatus }: Pick<Allocation, "ClientStatus">): boolean =>
  ClientStatus === "failed" || ClientStatus === "lost";

/** So many are listed when one has to be chosen. */
const MOST_LISTED = 20;

/**
 * The allocation that a job's name alone stands for: the one that is not over or, where all are, the last one of the job's newest version.
 * Of the same copy the one that runs, and then the newest.
 * @throws AppError `not_found` when there is none yet, `conflict` when there are several copies.
 */
export function chooseCopy(jobId: string, allocations: readonly Allocation[]): Allocation {
  const live = allocations.filter((one) => !isOver(one));
  const newest = Math.max(...allocations.map(({ JobVersion }) => JobVersion));
  const copies = newestOfEach(live.length > 0 ? live : allocations.filter(({ JobVersion }) => JobVersion === newest));
  const [only] = copies;
  if (only === undefined) throw new AppError("not_found", `job "${jobId}" has no allocation yet`);
  if (copies.length === 1) return only;
  const lines = copies
    .slice(0, MOST_LISTED)
    .map(({ Name, ID, ClientStatus }) => `  ${Name}  ${shortId(ID)}  ${ClientStatus}`);
  const more = copies.length > lines.length ? `\n  and ${copies.length - lines.length} more` : "";
  throw new AppError("conflict", `job "${jobId}" has ${copies.length} machines:\n${lines.join("\n")}${more}`, {
    hint: `say which one, as ${shellWord(only.Name)} or by the beginning of its id`,
  });
}

/** One allocation of each copy, by group and index. */
function newestOfEach(allocations: readonly Allocation[]): Allocation[] {
  const ranked = allocations.toSorted((a, b) => rankOf(b) - rankOf(a) || b.CreateTime - a.CreateTime);
  return [...Map.groupBy(ranked, ({ Name }) => Name).values()].flatMap(([first]) => first ?? []).toSorted(byCopy);
}

function rankOf({ ClientStatus }: Allocation): number {
  return ClientStatus === "running" ? 2 : ClientStatus === "pending" ? 1 : 0;
}

/** The order of the copies of a job, the older of two of one copy first. */
export function byCopy(a: Allocation, b: Allocation): number {
  return a.TaskGroup.localeCompare(b.TaskGroup) || indexOf(a) - indexOf(b) || a.CreateTime - b.CreateTime;
}

const COPY = /^(.+)\[(\d{1,9})\]$/;

/** Whether a word may be the name of a copy. */
export const isCopyName = (word: string): boolean => COPY.test(word);

const indexOf = ({ Name }: Allocation): number => Number(COPY.exec(Name)?.[2] ?? 0);

/**
 * The allocation that the name of a copy stands for: `job.group[index]` as Nomad has it, or `job[index]` where that is one.
 * @returns undefined for what is no such name. @throws AppError `not_found` for a copy that its job does not have, `conflict`.
 */
export async function findCopy(
  client: Client,
  jobs: readonly JobEntry[],
  name: string,
): Promise<Allocation | undefined> {
  const [, head = "", index] = COPY.exec(name) ?? [];
  if (index === undefined) return undefined;
  const owners = jobs.filter(({ ID }) => ID === head || head.startsWith(`${ID}.`));
  const all = (await Promise.all(owners.map(({ ID }) => client.read(ask.jobAllocations(ID))))).flat();
  const own = all.filter(
    (one) => indexOf(one) === Number(index) && [one.JobID, one.Name.replace(COPY, "$1")].includes(head),
  );
  if (own.length > 0) return chooseCopy(head, own);
  const [owner] = owners;
  if (owner === undefined) return undefined;
  const names = newestOfEach(all.filter((one) => !isOver(one))).map(({ Name }) => Name);
  throw new AppError("not_found", `job "${owner.ID}" has no machine ${JSON.stringify(name)}`, {
    hint: names.length === 0 ? "none of it runs" : `it has ${names.slice(0, MOST_LISTED).join(", ")}`,
  });
}

/** What tells the machines of a list apart by their jobs: the job where it has one machine in it, else its copies' names. */
export function copyLabels(allocations: readonly Allocation[]): (allocation: Allocation) => string {
  const names = new Map<string, Set<string>>();
  for (const { JobID, Name } of allocations) names.set(JobID, (names.get(JobID) ?? new Set()).add(Name));
  return ({ JobID, Name }) => ((names.get(JobID)?.size ?? 0) > 1 ? Name : JobID);
}
