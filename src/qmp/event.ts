import * as v from "valibot";
import { parseLine, textOf } from "./lines.ts";

/** Something that happened to a machine, as QEMU tells it on a monitor. */
export interface QmpEvent {
  /** QEMU's name: `SHUTDOWN`, `POWERDOWN`, `STOP`, … */
  readonly name: string;
  /** Milliseconds since 1970, by the host's clock when QEMU sent it. */
  readonly at: number;
  readonly data: Readonly<Record<string, unknown>>;
}

/** End of the year 9999: a forged time beyond it would break date arithmetic later on. */
const LAST_SECOND = 253_402_300_799;

const EventLine = v.object({
  event: v.pipe(v.string(), v.regex(/^[A-Z][A-Z0-9_]{0,127}$/)),
  timestamp: v.object({
    seconds: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(LAST_SECOND)),
    microseconds: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(999_999)),
  }),
  data: v.optional(v.custom<Record<string, unknown>>(isMap), {}),
});

/** Valibot's objects let lists pass. */
function isMap(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The event in a parsed line, or undefined when it is something else or not of an event's form (QEMU's `qmp-spec`, 2.4.3). */
export function readEvent(value: unknown): QmpEvent | undefined {
  const result = v.safeParse(EventLine, value);
  if (!result.success) return undefined;
  const { event, timestamp, data } = result.output;
  return { name: event, at: timestamp.seconds * 1000 + Math.floor(timestamp.microseconds / 1000), data };
}

export interface JournalPart {
  /** Oldest first. */
  readonly events: readonly QmpEvent[];
  /** Bytes that need not be read again; the rest is a line that QEMU has not finished. */
  readonly consumed: number;
}

/**
 * Longest line of a journal that is looked at, in bytes; a read window must be at least as large, or a part without a newline
 * would never be consumed. QEMU's events have some hundred bytes.
 */
export const JOURNAL_LINE_LIMIT = 64 << 10;

/**
 * Reads a part of a machine's journal. Greeting, answers, junk, and the NUL runs of holes that were punched into what was read
 * before are passed over; a last line without its newline stays for the next time.
 */
export function parseJournal(bytes: Uint8Array): JournalPart {
  const events: QmpEvent[] = [];
  let start = skipNuls(bytes, 0);
  for (let end = bytes.indexOf(0x0a, start); end !== -1; end = bytes.indexOf(0x0a, start)) {
    if (end - start <= JOURNAL_LINE_LIMIT) {
      const event = readEvent(parseLine(textOf(bytes.subarray(start, end))));
      if (event !== undefined) events.push(event);
    }
    start = skipNuls(bytes, end + 1);
  }
  return { events, consumed: bytes.length - start >= JOURNAL_LINE_LIMIT ? bytes.length : start };
}

function skipNuls(bytes: Uint8Array, from: number): number {
  let at = from;
  while (at < bytes.length && bytes[at] === 0) at++;
  return at;
}
