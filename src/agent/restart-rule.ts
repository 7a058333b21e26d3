import type { Allocation } from "../allocation/allocation.ts";
import type { RestartRule } from "../allocation/restart.ts";
import { toMillis } from "../base/units.ts";
import type { Store } from "../state/store.ts";

/** A task of which nothing is known any more stays as it ended. */
const NEVER: RestartRule = { attempts: 0, interval: 0, delay: 0, mode: "fail", onSuccess: false };

/** The restart policy of a task, from the version of the job that its allocation was placed for. */
export function restartRuleOf(store: Store, allocation: Allocation, taskName: string): RestartRule {
  const job = store.jobVersion(allocation.jobId, allocation.jobVersion)?.job;
  const task = job?.groups.find(({ name }) => name === allocation.group)?.tasks.find(({ name }) => name === taskName);
  if (job === undefined || task === undefined) return NEVER;
  const { attempts, interval, delay, mode } = task.restart;
  return {
    attempts,
    interval: toMillis(interval),
    delay: toMillis(delay),
    mode,
    onSuccess: job.type === "service" || job.type === "system",
  };
}
