import type { Allocation } from "../../allocation/allocation.ts";
import { groupsToRun } from "../../job/groups-to-run.ts";
import type { Job } from "../../job/job.ts";
import type { JobRecord } from "../../state/records.ts";
import type { AgentContext } from "../context.ts";
import { liveAllocations } from "../new-allocation.ts";
import { type Reason, type ReplacementContext, reasonsToReplace } from "../replacement.ts";
import { isSamePart } from "../same-part.ts";
import { type DiskFate, fatesOfDisks } from "./discard.ts";
import { predecessorOf } from "./predecessor.ts";

/** What a job means for the allocations that its former version has. The one answer to it: what plan tells is what run does. */
export type Change =
  /** It is what runs. */
  | { readonly kind: "none"; readonly previous: JobRecord; readonly running: readonly Allocation[] }
  /** Nothing that a machine was started with is another: its allocations take over the new version while they run. */
  | { readonly kind: "in place"; readonly running: readonly Allocation[] }
  /**
   * @property running those whose place it takes when it is placed.
   * @property before these, and of groups without one the last that was: whoever runs a job again goes on with its disk.
   * @property why what of the job file forces it, by allocation.
   */
  | {
      readonly kind: "replaces";
      readonly running: readonly Allocation[];
      readonly before: readonly Allocation[];
      readonly why: ReadonlyMap<string, readonly Reason[]>;
    };

/** Finds out what a job would change. */
export function changeOf(context: ReplacementContext, job: Job): Change {
  const { store } = context;
  const previous = store.job(job.id);
  const running = liveAllocations(context, job.id).filter((allocation) => allocation.desired === "run");
  const isSame = previous !== undefined && isUnchanged(previous, job) && previous.waiting === undefined;
  if (isSame && running.length > 0) return { kind: "none", previous, running };
  const reasonsOf = (one: Allocation): readonly Reason[] => {
    const before = store.jobVersion(one.jobId, one.jobVersion)?.job;
    return before === undefined ? [{ task: null, path: "" }] : reasonsToReplace(context, one, before, job);
  };
  const why = new Map(running.map((one) => [one.id, reasonsOf(one)]));
  const wanted = groupsToRun(job).map(({ name }) => name);
  const isThere =
    running.length > 0 &&
    running.every(({ id, group }) => wanted.includes(group) && why.get(id)?.length === 0) &&
    wanted.every((name) => running.some(({ group }) => group === name));
  if (isThere) return { kind: "in place", running };
  // One that the job had before and has again goes on with its disk, too.
  const names = new Set([...(previous?.job.groups ?? []), ...job.groups].map(({ name }) => name));
  const ended = [...names].flatMap((name) => {
    const last = predecessorOf(store, job.id, name);
    return last === undefined || running.some(({ id }) => id === last.id) ? [] : [last];
  });
  return { kind: "replaces", running, before: [...running, ...ended], why };
}

/** Whether a job is what was asked for already. */
export function isUnchanged(previous: JobRecord, job: Job): boolean {
  return !previous.stop && isSamePart(previous.job, job);
}

/** What becomes of disks if a job is registered and placed now. */
export async function disksAtStake(
  context: ReplacementContext & Pick<AgentContext, "dirs">,
  job: Job,
): Promise<DiskFate[]> {
  const change = changeOf(context, job);
  return change.kind === "replaces" ? await fatesOfDisks(context, change.before, job) : [];
}
