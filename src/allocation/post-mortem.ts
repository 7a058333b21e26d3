import type { Ending } from "./ending.ts";
import type { MachineEvent, MachineState } from "./machine.ts";
import { isRestart } from "./order.ts";
import type { Remains } from "./remains.ts";

/** How many ends of a task are kept; older ones go. */
export const ENDS_KEPT = 10;

/** Everything known of one end of a machine, kept by the store. */
export interface PostMortem {
  readonly generation: number;
  readonly ending: Ending;
  /** Milliseconds since 1970; 0 when it never had a process. */
  readonly startedAt: number;
  readonly endedAt: number;
  readonly pid: number | null;
  /** True when a former agent had started it. */
  readonly adopted: boolean;
  readonly next: { readonly restart: boolean; readonly reason: string; readonly delay: number };
  /** null when it never had a process. */
  readonly remains: Remains | null;
  readonly versions: PostMortemVersions;
}

/** What ran when a machine ended. */
export interface PostMortemVersions {
  readonly paddock: string;
  /** Of the host, as `uname -r` has it. */
  readonly kernel: string;
}

/** The post-mortem of the end that a step led to; null when it led to none. */
export function postMortemOf(
  before: MachineState,
  event: MachineEvent,
  after: MachineState,
  versions: PostMortemVersions,
): PostMortem | null {
  if (after.kind !== "ended" && after.kind !== "backoff") return null;
  // A machine that waited to start again and was told not to has had its end already.
  if (before.kind === "ended" || before.kind === "backoff") return null;
  const { generation, ending } = after;
  const live = before.kind === "running" || before.kind === "stopping" ? before : null;
  const startedAt = live?.startedAt ?? (event.kind === "gone" && before.kind === "starting" ? before.since : 0);
  const remains = event.kind === "gone" ? (event.remains ?? null) : null;
  return {
    generation,
    ending,
    startedAt,
    endedAt: within(startedAt, remains?.endedAt ?? null, ending.at),
    pid: live?.identity.pid ?? null,
    adopted: live?.adopted ?? false,
    next: nextOf(event, after),
    remains,
    versions,
  };
}

/** A time that a machine claims, when it can be right; else the time at which the end was noticed. */
function within(startedAt: number, claimed: number | null, noticed: number): number {
  return claimed !== null && claimed >= startedAt && claimed <= noticed ? claimed : noticed;
}

function nextOf(event: MachineEvent, after: Extract<MachineState, { kind: "ended" | "backoff" }>): PostMortem["next"] {
  const decision = "next" in event ? event.next : undefined;
  const { stop } = after.ending;
  if (after.kind === "backoff") {
    // Of a restart by command the policy is not asked.
    const reason = isRestart(stop?.order ?? null) ? "Restart requested" : (decision?.reason ?? "");
    return { restart: true, reason, delay: Math.max(0, after.until - event.at) };
  }
  // What a failing check stopped is its restart policy's to decide about.
  if (stop !== null && stop.order.cause !== "unhealthy")
    return { restart: false, reason: `Stopped: ${stop.order.cause}`, delay: 0 };
  const reason = decision?.kind === "stay" ? decision.reason : "It was being stopped";
  return { restart: false, reason, delay: 0 };
}
