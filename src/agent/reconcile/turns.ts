import { type Allocation, clientStatus, isTerminal, isUp } from "../../allocation/allocation.ts";
import type { Place } from "../../allocation/place.ts";
import { isBatch } from "../../job/is-batch.ts";
import type { Group, Job } from "../../job/job.ts";
import { newestAt } from "./reconcile.ts";

/** A place that may get its machine now. */
export interface Turn {
  readonly place: Place;
  /** What runs there until then; undefined when nothing does. */
  readonly replaces: Allocation | undefined;
  /** It is its turn only while fewer copies of its group than this are placed together with it; undefined for any number. */
  readonly limit?: number;
}

/** A job on its way from one version to another. */
export interface Rollout {
  readonly job: Job;
  readonly version: number;
  /** Places that lack a machine of this version. */
  readonly places: readonly Place[];
  /** All of the job, ended ones too. */
  readonly allocations: readonly Allocation[];
}

/**
 * Whose turn it is: every place in which nothing runs, and of those in which a former version does so many that with these no more than
 * `max_parallel` copies of the group are on their way at a time: what is mended may fail again. What lacks room is not on its way, which
 * only whoever places them finds out (`limit`). A copy of the new version that fails ends the turns of its group: the others go on as
 * they were until somebody changes the job. What the job's other groups do does not matter.
 */
export function nextTurns({ job, version, places, allocations }: Rollout): Turn[] {
  const running = allocations.filter((one) => one.desired === "run" && !isTerminal(one));
  return job.groups.flatMap((group) => {
    const turns = places
      .filter((place) => place.group === group.name)
      .map((place): Turn => ({ place, replaces: newestAt(running, place) }))
      .filter(({ replaces }) => replaces?.jobVersion !== version);
    const empty = turns.filter(({ replaces }) => replaces === undefined);
    const held = turns.filter(({ replaces }) => replaces !== undefined);
    const left = mayFollow(group, maxParallel(job, group), { version, allocations });
    return [...empty, ...held.slice(0, Math.max(0, left)).map((turn): Turn => ({ ...turn, limit: left }))];
  });
}

/** Nomad replaces batch jobs, which have no `update`, and groups with `max_parallel = 0` all at once. */
function maxParallel(job: Pick<Job, "type">, { update }: Group): number {
  const limit = isBatch(job) ? 0 : (update?.max_parallel ?? 1);
  return limit === 0 ? Number.POSITIVE_INFINITY : limit;
}

/** How many more machines of a group may be replaced now. */
function mayFollow(group: Group, limit: number, { version, allocations }: Pick<Rollout, "version" | "allocations">) {
  if (limit === Number.POSITIVE_INFINITY) return limit;
  const newest = Array.from({ length: group.count }, (_, index) => newestAt(allocations, { group: group.name, index }));
  const current = newest.flatMap((one) => (one?.jobVersion === version ? [one] : []));
  if (current.some(hasFailed)) return 0;
  const onTheirWay = current.filter((one) => !isTerminal(one) && !isUp(one));
  return limit - onTheirWay.length;
}

const hasFailed = (one: Allocation): boolean => ["failed", "lost"].includes(clientStatus(one));
