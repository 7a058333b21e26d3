import type { Allocation } from "../../allocation/allocation.ts";
import { isSamePlace, type Place } from "../../allocation/place.ts";
import type { Job } from "../../job/job.ts";
import type { Reason } from "../place/replacement.ts";

/** An allocation that cannot become what its job says now while its machines run. */
export interface Outdated {
  readonly allocation: Allocation;
  /** What of the job file forces it. */
  readonly why: readonly Reason[];
}

/** What a job means for the allocations that it has. */
export interface Reconciled {
  /** They go on, by this version of the job; their machines are left alone. */
  readonly kept: readonly Allocation[];
  /** Others take their places, so many at a time as the job says. */
  readonly replaced: readonly Outdated[];
  /** Places that nothing runs in, by group and index. */
  readonly created: readonly Place[];
  /** Those of groups that are gone, those too many, and those whose places others have taken; the highest index of a group first. */
  readonly stopped: readonly Allocation[];
}

/** Every copy of every group, in the order of the job file. */
export function placesOf({ groups }: Job): Place[] {
  return groups.flatMap(({ name, count }) => Array.from({ length: count }, (_, index) => ({ group: name, index })));
}

/**
 * Compares what a job asks for with what it has.
 * @param running allocations of the job that have not ended and are to run.
 * @param reasonsOf why one of them cannot go on as it is; empty when it can.
 * @param isDone whether a place in which nothing runs has had its run.
 */
export function reconcile(
  job: Job,
  running: readonly Allocation[],
  reasonsOf: (allocation: Allocation) => readonly Reason[],
  isDone: (place: Place) => boolean = () => false,
): Reconciled {
  const places = placesOf(job);
  const holders = places.map((place) => ({ place, holder: newestAt(running, place) }));
  const looked = holders.flatMap(({ holder }) =>
    holder === undefined ? [] : [{ allocation: holder, why: reasonsOf(holder) }],
  );
  const held = new Set(looked.map(({ allocation }) => allocation));
  return {
    kept: looked.filter(({ why }) => why.length === 0).map(({ allocation }) => allocation),
    replaced: looked.filter(({ why }) => why.length > 0),
    created: holders.flatMap(({ place, holder }) => (holder === undefined && !isDone(place) ? [place] : [])),
    stopped: running.filter((one) => !held.has(one)).toSorted((a, b) => b.index - a.index),
  };
}

/** The allocation that has a place; an older one is on its way out. */
export function newestAt(allocations: readonly Allocation[], place: Place): Allocation | undefined {
  return allocations
    .filter((one) => isSamePlace(one, place))
    .toSorted((a, b) => a.createIndex - b.createIndex)
    .at(-1);
}
