import { setImmediate } from "node:timers/promises";
import type { JobRecord } from "../../state/records.ts";
import type { AgentContext } from "../context.ts";
import { type JobStanding, standingOf } from "./collectable.ts";

type Context = Pick<AgentContext, "store" | "recorder" | "clock" | "garbage">;

/** How a job stands to its ended allocations. @param asked see `standingOf`. */
export function jobStanding({ store, clock, garbage }: Context, id: string, asked: boolean): JobStanding {
  const record = store.job(id);
  if (record === undefined) return standingOf(undefined, clock.now(), garbage, asked);
  const lives = store.liveAllocations().some(({ jobId }) => jobId === id);
  const { stop, job, waiting } = record;
  const lastChange = lastChangeOf({ store }, record);
  return standingOf(
    { type: job.type, stop, waits: waiting !== undefined, lives, lastChange },
    clock.now(),
    garbage,
    asked,
  );
}

function lastChangeOf({ store }: Pick<Context, "store">, { job, submitTime }: JobRecord): number {
  return Math.max(submitTime, store.lastEvaluation(job.id), store.lastEnd(job.id));
}

/** Forgets dead jobs of which no allocation is left. @returns how many. @throws StoreError. */
export function forgetJobs(context: Context, asked: boolean): number {
  const { store, recorder } = context;
  const over = store.jobsWithoutAllocations().filter(({ job }) => jobStanding(context, job.id, asked) === "over");
  if (over.length === 0) return 0;
  recorder.recordFreeing(() => {
    for (const { job } of over) {
      store.deleteJob(job.id);
      store.dropVersions(job.id);
    }
  });
  return over.length;
}

/** Whoever made a change may still ask what came of it, in milliseconds. */
const JUST_MADE_MILLIS = 60_000;

/** Forgets evaluations that have had their say and whose allocations are gone, in turns. @returns how many. @throws StoreError. */
export async function forgetEvaluations({ store, recorder, clock, garbage }: Context, asked: boolean): Promise<number> {
  const before =
    clock.now() - (asked ? Math.min(JUST_MADE_MILLIS, garbage.evalThresholdMillis) : garbage.evalThresholdMillis);
  let dropped = 0;
  while (store.hasForgettable(before)) {
    const turn = recorder.recordFreeing(() => store.dropEvaluations(before));
    dropped += turn;
    await setImmediate();
  }
  return dropped;
}
