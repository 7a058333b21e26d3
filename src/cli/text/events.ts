import { formatBytes, SECOND } from "../../base/units.ts";
import type { Allocation, Progress, TaskEvent } from "../../client/replies.ts";
import type { Piece } from "../terminal/style.ts";
import { breakText } from "../terminal/table.ts";
import { formatClock, formatSpan } from "../terminal/time.ts";

/** Width of the column of event types: that of `Failed Artifact Download`. */
const TYPE_WIDTH = 24;
/** A terminal that would leave less than this beside the types has the texts below them. */
const LEAST_TEXT = 24;
const INDENT = " ".repeat(8);

/** One event as it happens: time of day, machine, what it is. @param machine what tells it from others; "" where there is but one. */
export function describeEvent(event: TaskEvent, machine: string, columns: number): Piece[][] {
  const head = `    ${formatClock(event.Time)}  ${machine === "" ? "" : `${machine}  `}`;
  const type: Piece = event.FailsTask ? { text: event.Type, style: "red" } : event.Type;
  const start = head.length + TYPE_WIDTH + 2;
  const room = columns - start;
  if (room < LEAST_TEXT) {
    const lines = breakText(eventText(event), columns - INDENT.length);
    return [[head, type], ...lines.map((line) => [INDENT, line])];
  }
  const [first = "", ...rest] = breakText(eventText(event), room);
  const gap = " ".repeat(Math.max(2, TYPE_WIDTH + 2 - event.Type.length));
  return [[head, type, gap, first], ...rest.map((line) => [" ".repeat(start), line])];
}

export function eventText(event: TaskEvent): string {
  return event.DisplayMessage || event.Message;
}

/** The events of an allocation that were not seen before, oldest first. Every task's list has only the last ten. */
export function createEventFeed(): (
  allocation: Allocation,
) => readonly { readonly task: string; readonly event: TaskEvent }[] {
  const seen = new Map<string, TaskEvent>();
  return (allocation) => {
    const fresh = Object.entries(allocation.TaskStates).flatMap(([task, { Events }]) => {
      const key = `${allocation.ID} ${task}`;
      const last = seen.get(key);
      const known = last === undefined ? -1 : Events.findLastIndex((event) => isSameEvent(event, last));
      const newest = Events.at(-1);
      if (newest !== undefined) seen.set(key, newest);
      return Events.slice(known + 1).map((event) => ({ task, event }));
    });
    return fresh.toSorted((a, b) => a.event.Time - b.event.Time);
  };
}

function isSameEvent(a: TaskEvent, b: TaskEvent): boolean {
  return a.Time === b.Time && a.Type === b.Type && eventText(a) === eventText(b);
}

/** Below this width there is room for the numbers alone. */
const WIDTH_FOR_BAR = 60;
const BAR_WIDTH = 20;

/** What is being fetched, in at most `columns` characters: bar, share, bytes, rate, time left, source. */
export function describeProgress({ Source, Bytes, Total, Rate }: Progress, columns: number): string {
  const share = Total === null || Total <= 0 ? undefined : Math.min(1, Bytes / Total);
  const parts: string[] = [];
  if (share !== undefined) {
    if (columns >= WIDTH_FOR_BAR) parts.push(drawBar(share));
    parts.push(`${Math.floor(share * 100)}%`.padStart(4));
  }
  parts.push(
    share === undefined || Total === null ? formatBytes(Bytes) : `${formatBytes(Bytes)} of ${formatBytes(Total)}`,
  );
  if (Rate > 0) parts.push(`${formatBytes(Rate)}/s`);
  if (Rate > 0 && Total !== null && Total > Bytes) parts.push(`${formatSpan(((Total - Bytes) / Rate) * SECOND)} left`);
  const line = `    ${parts.join("  ")}`;
  const room = columns - line.length - 2;
  return room >= Source.length ? `${line}  ${Source}` : line.slice(0, Math.max(0, columns));
}

function drawBar(share: number): string {
  const filled = Math.round(share * BAR_WIDTH);
  return `[${"#".repeat(filled)}${".".repeat(BAR_WIDTH - filled)}]`;
}
