import type { Allocation } from "../allocation/allocation.ts";
import type { RestartRule } from "../allocation/restart.ts";
import { toMillis } from "../base/units.ts";
import type { Store } from "../state/store.ts";
import type { LogLimits } from "../supervisor/rotate.ts";

/** A task of which nothing is known any more stays as it ended. */
const NEVER: RestartRule = { attempts: 0, interval: 0, delay: 0, mode: "fail", onSuccess: false };

/** The restart policy of a task, from the version of the job that its allocation was placed for. */
export function restartRuleOf(store: Store, allocation: Allocation, taskName: string): RestartRule {
  const { job, task } = findTask(store, allocation, taskName);
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

/** What the job's `logs` block allows a task, or Nomad's defaults when nothing is known of it any more. */
export function logLimitsOf(store: Store, allocation: Allocation, taskName: string): LogLimits {
  const logs = findTask(store, allocation, taskName).task?.logs;
  return { maxFiles: logs?.max_files ?? 10, maxBytes: (logs?.max_file_size ?? 10) * MEBIBYTE };
}

/** How long an allocation may run by its group's `max_run_duration`, in milliseconds; null where the job sets no bound. */
export function runTimeOf(store: Store, allocation: Allocation): number | null {
  const most = findGroup(store, allocation).group?.max_run_duration;
  return most === undefined ? null : toMillis(most);
}

/** The task of an allocation's group that leads it; undefined where its job names none. */
export function leaderOf(store: Store, allocation: Allocation): string | undefined {
  return findGroup(store, allocation).group?.tasks.find(({ leader }) => leader)?.name;
}

/** Nomad's MB of `max_file_size`. */
const MEBIBYTE = 1 << 20;

function findGroup(store: Store, allocation: Allocation) {
  const job = store.jobVersion(allocation.jobId, allocation.jobVersion)?.job;
  return { job, group: job?.groups.find(({ name }) => name === allocation.group) };
}

function findTask(store: Store, allocation: Allocation, taskName: string) {
  const { job, group } = findGroup(store, allocation);
  return { job, task: group?.tasks.find(({ name }) => name === taskName) };
}
