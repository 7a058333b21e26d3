import type { Allocation } from "../../allocation/allocation.ts";
import { clientStatus } from "../../allocation/allocation.ts";
import { isSamePlace, type Place } from "../../allocation/place.ts";
import { groupEnd } from "../../allocation/siblings.ts";
import { isBatch } from "../../job/is-batch.ts";
import type { Job } from "../../job/job.ts";
import type { JobRecord } from "../../state/records.ts";
import { predecessorsOf } from "../disk/predecessor.ts";
import { MIGRATED } from "../drain/migrate.ts";
import { liveAllocations } from "../place/new-allocation.ts";
import { type Reason, type ReplacementContext, reasonsToReplace } from "../place/replacement.ts";
import { isSamePart } from "../place/same-part.ts";
import { leaderOf } from "../restart-rule.ts";
import { newestAt, placesOf, type Reconciled, reconcile } from "./reconcile.ts";

/** What a job means for the allocations that its former version has. The one answer to it: what plan tells is what run does. */
export interface Change extends Reconciled {
  readonly previous: JobRecord | undefined;
  /** The job says what is registered already. */
  readonly unchanged: boolean;
  /** Those whose disks are at stake, and of places where nothing runs the last that did: whoever runs a job again goes on with its disk. */
  readonly before: readonly Allocation[];
}

/** Finds out what a job would change. */
export function changeOf(context: ReplacementContext, job: Job): Change {
  const { store } = context;
  const previous = store.job(job.id);
  const unchanged = previous !== undefined && !previous.stop && isSamePart(previous.job, job);
  const live = liveAllocations(context, job.id);
  const running = live.filter((one) => one.desired === "run" && !isEnding(store, one));
  const reasonsOf = (one: Allocation): readonly Reason[] => {
    // What runs by this very version is what is asked for: nothing has to be compared.
    if (unchanged && one.jobVersion === previous.version) return [];
    const before = store.jobVersion(one.jobId, one.jobVersion)?.job;
    return before === undefined ? [{ task: null, path: "" }] : reasonsToReplace(context, one, before, job);
  };
  // Of a batch job of which some still runs nothing that was done is done again.
  const runs = unchanged && live.length > 0 && isBatch(job) ? store.allocations({ jobId: job.id }) : [];
  const isDone = (place: Place): boolean => {
    const last = newestAt(runs, place);
    // What a drain stopped has not done its work.
    return last !== undefined && clientStatus(last) === "complete" && last.desiredDescription !== MIGRATED;
  };
  const reconciled = reconcile(job, running, reasonsOf, isDone);
  return { ...reconciled, previous, unchanged, before: beforeOf(context, job, previous, reconciled) };
}

/** Whether one of its machines takes the others along, which are still being stopped: it holds its place no more. */
function isEnding(store: ReplacementContext["store"], allocation: Allocation): boolean {
  return groupEnd(allocation.tasks, leaderOf(store, allocation)) !== null;
}

function beforeOf(
  { store }: Pick<ReplacementContext, "store">,
  job: Job,
  previous: JobRecord | undefined,
  { kept, replaced, stopped, created }: Reconciled,
): Allocation[] {
  const leaving = [...replaced.map(({ allocation }) => allocation), ...stopped];
  const there = [...kept, ...leaving];
  const places = [...created, ...(previous === undefined ? [] : placesOf(previous.job))];
  const predecessorOf = predecessorsOf(store, job.id);
  const empty = places.filter(
    (place, at) => newestAt(there, place) === undefined && places.findIndex((one) => isSamePlace(one, place)) === at,
  );
  return [...leaving, ...empty.flatMap((place) => predecessorOf(place) ?? [])];
}

/** Whether a job changes nothing at all: all that it asks for is there or on its way. */
export function isNothing({ unchanged, previous, replaced, created, stopped }: Change): boolean {
  if (!unchanged || previous?.waiting !== undefined || stopped.length > 0) return false;
  const onTheirWay = previous?.rollout?.places ?? [];
  const lacking = [...created, ...replaced.map(({ allocation }) => allocation)];
  return lacking.every((place) => onTheirWay.some((one) => isSamePlace(one, place)));
}

/** Whether machines are made by it. */
export const makesMachines = ({ created, replaced }: Change): boolean => created.length + replaced.length > 0;

/** A job without the groups in which a change makes no machine: what only these need is not needed. */
export function groupsMade(job: Job, { created, replaced }: Change): Job {
  const places: readonly Place[] = [...created, ...replaced.map(({ allocation }) => allocation)];
  return { ...job, groups: job.groups.filter(({ name }) => places.some(({ group }) => group === name)) };
}
