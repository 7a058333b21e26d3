import type { QmpEvent } from "../qmp/event.ts";
import type { Ending } from "./ending.ts";
import type { KernelWords } from "./judge.ts";
import type { MachineEvent, MachineState } from "./machine.ts";
import { isRestart } from "./order.ts";

/** How many ends of a task are kept; older ones go. */
export const ENDS_KEPT = 10;

const EVENTS_KEPT = 50;
const EVENT_DATA_KEPT = 300;
/** A panic of Linux takes some forty lines. */
const LINES_KEPT = 60;
const TEXT_KEPT = 8192;

/** One event of the journal, its data as JSON; cut short when it is long. */
export interface KeptEvent {
  readonly name: string;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly data: string;
}

/**
 * What is kept of what a machine left behind. It is bounded, but otherwise as the machine's QEMU and guest wrote it: nothing of it
 * is fit for a terminal.
 */
export interface Remains {
  /** The last events of the journal, oldest first. */
  readonly events: readonly KeptEvent[];
  /** The wrapper's status file. */
  readonly status: string;
  /** The last lines of QEMU's own words of this start. */
  readonly stderr: string;
  /** The last lines of the serial console of this start. */
  readonly serial: string;
  readonly kernel: KernelWords | null;
  /** False when it ended while no agent ran and was found so afterwards. */
  readonly watched: boolean;
  /** When the journal or the wrapper says it ended, in milliseconds since 1970; null when they do not. */
  readonly endedAt: number | null;
}

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

/** The newest events, their data bounded. */
export function keepEvents(events: readonly QmpEvent[]): readonly KeptEvent[] {
  return events.slice(-EVENTS_KEPT).map(({ name, at, data }) => {
    const text = JSON.stringify(data);
    return { name, at, data: text.length > EVENT_DATA_KEPT ? `${text.slice(0, EVENT_DATA_KEPT)}…` : text };
  });
}

/** The last lines of a text, at most 60 and 8 KiB. */
export function keepLines(text: string): string {
  const kept = text.trimEnd().slice(-TEXT_KEPT).split("\n").slice(-LINES_KEPT);
  return kept.join("\n");
}
