import type { QmpEvent } from "../qmp/event.ts";
import type { KernelWords } from "./evidence.ts";

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
