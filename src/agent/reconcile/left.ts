import { isSamePlace, type Place } from "../../allocation/place.ts";
import type { PlacementFailure } from "../../placement/failure.ts";
import type { Evaluation, JobRecord } from "../../state/records.ts";
import type { PlacedCopy } from "../place/decide.ts";
import { placesOf } from "./reconcile.ts";

/** Places that lack a machine of a job's version. A former version of this program recorded only that all of it waits. */
export function openPlaces({
  job,
  rollout,
  waiting,
}: Pick<JobRecord, "job" | "rollout" | "waiting">): readonly Place[] {
  return rollout?.places ?? (waiting === undefined ? [] : placesOf(job));
}

/** What of a rollout is left when some of it was placed. @param evalId of the evaluation that it goes back to. */
export function rolloutWithout(
  places: readonly Place[],
  placed: readonly PlacedCopy[],
  evalId: string,
): JobRecord["rollout"] {
  const done = placed.map(({ group, index }): Place => ({ group: group.name, index }));
  const left = places.filter((place) => !done.some((one) => isSamePlace(one, place)));
  return left.length === 0 ? undefined : { evalId, places: left.map(({ group, index }) => ({ group, index })) };
}

/** What a record says of copies that lack room; undefined when none does. */
export function waitingFor(
  failures: readonly PlacementFailure[],
  blocked: Evaluation | undefined,
): JobRecord["waiting"] {
  if (blocked === undefined) return undefined;
  const groups = failures.flatMap(({ group, coalesced = 0 }) => Array.from({ length: 1 + coalesced }, () => group));
  return { evalId: blocked.id, groups };
}
