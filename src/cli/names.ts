import { AppError } from "../base/errors.ts";
import { isIdPrefix, shortId } from "../base/ids.ts";
import { nearestName, shellOperand, shellWord } from "../base/text.ts";
import { ask, type Client } from "../client/client.ts";
import type { Allocation, JobEntry } from "../client/replies.ts";
import { chooseCopy, findCopy, isCopyName } from "./text/copies.ts";

/** For the help of commands that take a name. */
export const NAME_FORMS =
  "NAME is a job, JOB/TASK, one machine of a job that has several as JOB.GROUP[INDEX], or the beginning of an allocation's id.";

/** For the help of those that take an allocation. */
export const ALLOCATION_FORMS = "ALLOCATION is the beginning of an allocation's id, or its name: JOB.GROUP[INDEX].";

/** What a name on the command line stands for. */
export type Named =
  | { readonly kind: "job"; readonly job: JobEntry }
  | { readonly kind: "task"; readonly job: JobEntry; readonly task: string }
  | { readonly kind: "allocation"; readonly allocation: Allocation; readonly task: string | undefined };

/**
 * Finds what a name stands for: a job's id, `job/task`, a copy such as `job.group[1]` or `job[1]`, the beginning of an allocation's id
 * (with `/task`, too), or the beginning of one job's id, in this order.
 * @throws AppError `not_found` with the nearest job, `conflict` when several jobs, copies or allocations are meant.
 */
export async function resolveName(client: Client, name: string): Promise<Named> {
  const jobs = await client.read(ask.jobs());
  const job = jobs.find(({ ID }) => ID === name);
  if (job !== undefined) return { kind: "job", job };
  const slash = name.lastIndexOf("/");
  const [before, task] = slash < 0 ? [name, undefined] : [name.slice(0, slash), name.slice(slash + 1)];
  const owner = task === undefined ? undefined : jobs.find(({ ID }) => ID === before);
  if (owner !== undefined && task !== undefined) return { kind: "task", job: owner, task };
  const allocation = (await findCopy(client, jobs, before)) ?? (await findAllocation(client, before));
  if (allocation !== undefined) return { kind: "allocation", allocation, task };
  const begun = jobs.filter(({ ID }) => name !== "" && ID.startsWith(name));
  if (begun.length > 1)
    throw ambiguous(
      name,
      "jobs",
      begun.map(({ ID }) => ID),
    );
  const [only] = begun;
  if (only !== undefined) return { kind: "job", job: only };
  throw unknownName(name, jobs);
}

/** @throws AppError `not_found` with the nearest job when there is no job of this very id. */
export async function requireJob(client: Client, id: string): Promise<JobEntry> {
  const jobs = await client.read(ask.jobs());
  const job = jobs.find(({ ID }) => ID === id);
  if (job !== undefined) return job;
  const slash = id.lastIndexOf("/");
  const owner = jobs.find(({ ID }) => slash >= 0 && ID === id.slice(0, slash));
  const copy = await findCopy(client, jobs, id);
  const jobOf = owner?.ID ?? (copy ?? (await findAllocation(client, id)))?.JobID;
  if (jobOf === undefined) throw unknownName(id, jobs);
  const alone = copy === undefined ? "" : `; one alone: paddock alloc stop ${shellWord(copy.Name)}`;
  throw new AppError("invalid", `"${id}" is a part of job "${jobOf}", not a job`, {
    hint: `a machine goes with its job: paddock stop ${shellOperand(jobOf)}${alone}`,
  });
}

/** @param prefix the beginning of its id, or the name of a copy. @throws AppError `not_found`, or `conflict` when several are meant. */
export async function requireAllocation(client: Client, prefix: string): Promise<Allocation> {
  const jobs = isCopyName(prefix) ? await client.read(ask.jobs()) : [];
  const allocation = (await findCopy(client, jobs, prefix)) ?? (await findAllocation(client, prefix));
  if (allocation !== undefined) return allocation;
  throw new AppError("not_found", `no allocation's id begins with "${prefix}"`, {
    hint: (await whatBecameOf(client, prefix)) ?? "paddock ps -all lists them",
  });
}

/** What the agent remembers of an allocation that it has removed; undefined for nothing. */
async function whatBecameOf(client: Client, prefix: string): Promise<string | undefined> {
  if (prefix === "" || !isIdPrefix(prefix)) return undefined;
  try {
    await client.read(ask.allocation(prefix));
  } catch (error) {
    if (error instanceof AppError && error.code === "not_found") return error.hint;
    throw error;
  }
  return undefined;
}

/** The allocation whose id begins so; undefined when there is none. @throws AppError `conflict` when there are several. */
async function findAllocation(client: Client, prefix: string): Promise<Allocation | undefined> {
  if (prefix === "" || !isIdPrefix(prefix)) return undefined;
  const found = await client.read(ask.allocations(prefix.toLowerCase()));
  if (found.length > 1)
    throw ambiguous(
      prefix,
      "allocations",
      found.map(({ ID }) => ID),
    );
  return found[0];
}

/** The allocation that a job's name stands for. @throws AppError as `chooseCopy` does. */
export async function allocationOf(client: Client, jobId: string): Promise<Allocation> {
  return chooseCopy(jobId, await client.read(ask.jobAllocations(jobId)));
}

/** The allocation of a job that is there. @throws AppError as `requireJob` and `chooseCopy` do. */
export async function requireJobAllocation(client: Client, id: string): Promise<Allocation> {
  return await allocationOf(client, (await requireJob(client, id)).ID);
}

/** An allocation with the one task of it that is meant. */
export interface TaskOf {
  readonly allocation: Allocation;
  readonly task: string;
}

/**
 * The task that a name, and perhaps a second word, stand for.
 * @throws AppError `invalid` when the allocation has several tasks and none was named, `not_found` when it has none of that name.
 */
export async function resolveTask(client: Client, name: string, word: string | undefined): Promise<TaskOf> {
  const named = await resolveName(client, name);
  const allocation = named.kind === "allocation" ? named.allocation : await allocationOf(client, named.job.ID);
  const [called, wanted] = named.kind === "job" ? [named.job.ID, undefined] : [name, named.task];
  return { allocation, task: chooseTask(allocation, word ?? wanted, called) };
}

/**
 * The task that is meant by an operand or by a flag for the same.
 * @returns "" for all tasks when neither was given. @throws AppError `invalid` when they name two, and as `resolveTask` does.
 */
export function chooseTaskOrAll(allocation: Allocation, operand: string | undefined, flag: string | undefined): string {
  if (operand !== undefined && flag !== undefined && operand !== flag) {
    throw new AppError("invalid", `flag -task: expected "${operand}" as the operand says, or no flag, found "${flag}"`);
  }
  const word = operand ?? flag;
  return word === undefined ? "" : chooseTask(allocation, word);
}

/**
 * @param name what the allocation was called where one word may name both; where the task is a word of its own, undefined.
 * @throws AppError as `resolveTask` does.
 */
export function chooseTask(allocation: Allocation, wanted: string | undefined, name?: string): string {
  const tasks = Object.keys(allocation.TaskStates);
  const [only] = tasks;
  if (wanted === undefined) {
    if (tasks.length === 1 && only !== undefined) return only;
    throw new AppError(
      "invalid",
      `allocation ${shortId(allocation.ID)} has ${tasks.length} tasks: ${tasks.join(", ")}`,
      {
        hint: `say which one: ${tasks.map((task) => wordsFor(allocation, task, name)).join(", ")}`,
      },
    );
  }
  if (tasks.includes(wanted)) return wanted;
  const near = nearestName(wanted, tasks);
  throw new AppError("not_found", `allocation ${shortId(allocation.ID)} has no task "${wanted}"`, {
    hint: near === undefined ? `its tasks: ${tasks.join(", ")}` : `did you mean "${near}"?`,
  });
}

const wordsFor = ({ ID }: Allocation, task: string, name: string | undefined): string =>
  name === undefined ? `${shortId(ID)} ${shellWord(task)}` : shellWord(`${name}/${task}`);

function ambiguous(name: string, what: string, ids: readonly string[]): AppError {
  const shown = ids.slice(0, 10);
  const more = ids.length > shown.length ? `\n  and ${ids.length - shown.length} more` : "";
  return new AppError(
    "conflict",
    `several ${what} begin with "${name}":\n${shown.map((id) => `  ${id}`).join("\n")}${more}`,
    {
      hint: "write more of the name",
    },
  );
}

function unknownName(name: string, jobs: readonly JobEntry[]): AppError {
  const near = nearestName(
    name,
    jobs.map(({ ID }) => ID),
  );
  const hint =
    near !== undefined ? `did you mean "${near}"?` : "paddock status lists the jobs, paddock ps -all the machines";
  return new AppError("not_found", `no job or allocation is called "${name}"`, { hint });
}
