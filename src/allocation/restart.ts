import { formatDuration, MILLISECOND } from "../base/units.ts";
import type { Ending } from "./ending.ts";

/** When a task is started again after it ended; times in milliseconds. */
export interface RestartRule {
  /** How many restarts one interval may have. */
  readonly attempts: number;
  readonly interval: number;
  readonly delay: number;
  /** What happens once the attempts are used up: wait for the next interval, or give up. */
  readonly mode: "delay" | "fail";
  /** True for services and system jobs, which also start again after an end without failure. */
  readonly onSuccess: boolean;
}

/** The restarts of the current interval. */
export interface RestartWindow {
  /** Since 1970, in milliseconds. */
  readonly startedAt: number;
  readonly count: number;
}

/** What follows an end, with the reason that Nomad gives for it. */
export type RestartDecision =
  | { readonly kind: "restart"; readonly delay: number; readonly reason: string; readonly window: RestartWindow }
  | { readonly kind: "stay"; readonly failed: boolean; readonly reason: string };

/** What the decision hangs on beside the rule. */
export interface RestartCase {
  readonly ending: Ending;
  /** False for what starting again cannot mend: an argument that QEMU refuses, an image that may not be used. */
  readonly recoverable: boolean;
  readonly window: RestartWindow | null;
  /** Since 1970, in milliseconds. */
  readonly now: number;
  /** 0 to 1: where in the random part of the delay this restart falls. */
  readonly random: number;
}

/** Share of the delay that is added at random at most, so that many tasks do not start at once; Nomad's. */
const JITTER = 0.25;

/** Decides whether a task that ended by itself starts again, by Nomad's restart policy. Pure. */
export function decideRestart(
  rule: RestartRule,
  { ending, recoverable, window, now, random }: RestartCase,
): RestartDecision {
  // The host took the machine along: that is no fault of the task and counts for nothing.
  if (ending.reason === "host-reboot" && rule.onSuccess) {
    return {
      kind: "restart",
      delay: 0,
      reason: "The host was started anew",
      window: window ?? { startedAt: now, count: 0 },
    };
  }
  const success = !ending.failed;
  if (success && !rule.onSuccess) return { kind: "stay", failed: false, reason: "Task completed" };
  if (!recoverable) return { kind: "stay", failed: true, reason: "Error was unrecoverable" };
  if (rule.attempts === 0) return { kind: "stay", failed: !success, reason: "Policy allows no restarts" };
  // One that is still to begin was told by the clock of a host that has started anew since.
  const over = window === null || now > window.startedAt + rule.interval || now < window.startedAt;
  const current = over ? { startedAt: now, count: 0 } : window;
  const next = { startedAt: current.startedAt, count: current.count + 1 };
  const jitter = Math.round(rule.delay * JITTER * random);
  if (next.count <= rule.attempts) {
    return { kind: "restart", delay: rule.delay + jitter, reason: "Restart within policy", window: next };
  }
  const interval = formatDuration(rule.interval * MILLISECOND);
  const reason = `Exceeded allowed attempts ${rule.attempts} in interval ${interval} and mode is "${rule.mode}"`;
  if (rule.mode === "fail") return { kind: "stay", failed: true, reason };
  return { kind: "restart", delay: current.startedAt + rule.interval - now + jitter, reason, window: next };
}
