import type { Allocation } from "../../allocation/allocation.ts";
import { isSamePlace, type Place } from "../../allocation/place.ts";
import type { PlacementFailure } from "../../placement/failure.ts";
import type { JobRecord } from "../../state/records.ts";
import type { AgentContext } from "../context.ts";
import { BEING_DRAINED } from "../place/eligibility.ts";
import { type Moment, newEvaluation } from "../place/evaluation.ts";
import { putBlocked } from "../place/waiting.ts";
import { openPlaces, waitingFor } from "../reconcile/left.ts";
import { placesOf } from "../reconcile/reconcile.ts";

/** Why a drain stops an allocation, in Nomad's words. */
export const MIGRATED = "alloc is being migrated";

/**
 * Records that allocations are to stop because the node is drained, and that their places wait for others: to be called while a change is
 * recorded, so that whoever is killed then has done all of it or nothing.
 * @returns the records of the jobs whose places wait, as they are then.
 */
export function putMigrated(
  { store }: Pick<AgentContext, "store">,
  leaving: readonly Allocation[],
  moment: Moment,
): JobRecord[] {
  const told = { desired: "stop", desiredDescription: MIGRATED } as const;
  for (const allocation of leaving) {
    store.putAllocation({ ...allocation, ...told, modifyIndex: moment.index, modifyTime: moment.now });
  }
  return [...Map.groupBy(leaving, ({ jobId }) => jobId)].flatMap(([jobId, own]) => {
    const record = store.job(jobId);
    return record === undefined || record.stop ? [] : [putWaiting(store, record, own, moment)];
  });
}

function putWaiting(
  store: AgentContext["store"],
  record: JobRecord,
  leaving: readonly Place[],
  moment: Moment,
): JobRecord {
  const { job, waiting, rollout } = record;
  const made = newEvaluation(job, "node-drain", moment);
  const open = openPlaces(record);
  const places = placesOf(job).filter((place) => [...open, ...leaving].some((one) => isSamePlace(one, place)));
  const failures = failuresAt(places);
  const before = store.evaluation(waiting?.evalId ?? "");
  const blocked = putBlocked({ store }, { job, before, previousEval: made.id, failures }, moment);
  store.putEvaluation(before === undefined && blocked !== undefined ? { ...made, blockedEval: blocked.id } : made);
  const next: JobRecord = {
    ...record,
    waiting: waitingFor(failures, blocked),
    rollout: places.length === 0 ? undefined : { evalId: rollout?.evalId ?? made.id, places },
    modifyIndex: moment.index,
  };
  store.putJob(next);
  return next;
}

function failuresAt(places: readonly Place[]): PlacementFailure[] {
  return [...Map.groupBy(places, ({ group }) => group)].map(([group, { length }]) => ({
    group,
    shortages: [],
    filtered: [BEING_DRAINED],
    ...(length > 1 && { coalesced: length - 1 }),
  }));
}
