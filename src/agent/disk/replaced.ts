import type { Allocation } from "../../allocation/allocation.ts";
import type { Job } from "../../job/job.ts";
import type { JobRecord } from "../../state/records.ts";
import type { AgentContext } from "../context.ts";
import { liveAllocations } from "../new-allocation.ts";
import { isSameJob } from "../same-job.ts";
import { type DiskFate, fatesOfDisks } from "./discard.ts";
import { predecessorOf } from "./predecessor.ts";

type ReplaceContext = Pick<AgentContext, "store" | "dirs">;

/** What a job means for the allocations that its former version has. */
export type Change =
  /** It is what runs. */
  | { readonly kind: "none"; readonly previous: JobRecord }
  /** It is the version that still runs while its successor waits. */
  | { readonly kind: "back" }
  /**
   * @property running those whose place it takes when it is placed.
   * @property before these, and of groups without one the last that was: whoever runs a job again goes on with its disk.
   */
  | { readonly kind: "replaces"; readonly running: readonly Allocation[]; readonly before: readonly Allocation[] };

/** Finds out what a job would change. */
export function changeOf(context: ReplaceContext, job: Job): Change {
  const previous = context.store.job(job.id);
  const live = liveAllocations(context, job.id);
  if (previous !== undefined && isUnchanged(previous, job) && previous.waiting === undefined && live.length > 0) {
    return { kind: "none", previous };
  }
  const running = live.filter((allocation) => allocation.desired === "run");
  if (previous?.waiting !== undefined && running.some((one) => runs(context, one, job))) return { kind: "back" };
  const ended = (previous?.job.groups ?? []).flatMap(({ name }) => {
    const last = predecessorOf(context.store, job.id, name);
    return last === undefined || running.some(({ id }) => id === last.id) ? [] : [last];
  });
  return { kind: "replaces", running, before: [...running, ...ended] };
}

/** Whether a job is what was asked for already. */
export function isUnchanged(previous: JobRecord, job: Job): boolean {
  return !previous.stop && isSameJob(previous.job, job);
}

function runs({ store }: ReplaceContext, { jobId, jobVersion }: Allocation, job: Job): boolean {
  const started = store.jobVersion(jobId, jobVersion)?.job;
  return started !== undefined && isSameJob(started, job);
}

/** What becomes of disks if a job is registered and placed now. */
export async function disksAtStake(context: ReplaceContext, job: Job): Promise<DiskFate[]> {
  const change = changeOf(context, job);
  return change.kind === "replaces" ? await fatesOfDisks(context, change.before, job) : [];
}
