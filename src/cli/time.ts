import { formatDuration, MILLISECOND, SECOND } from "../base/units.ts";

/** Nanoseconds since 1970 as this host's local time, `2026-03-01 14:05:09`; "" for 0. */
export function formatTime(nanos: number): string {
  return nanos === 0 ? "" : localText(nanos).slice(0, 19).replace("T", " ");
}

/** As `formatTime`, to the millisecond. */
export function formatMoment(nanos: number): string {
  return localText(nanos).slice(0, 23).replace("T", " ");
}

/** Nanoseconds since 1970 as the time of day, `14:05:09`. */
export function formatClock(nanos: number): string {
  return localText(nanos).slice(11, 19);
}

function localText(nanos: number): string {
  const millis = nanos / MILLISECOND;
  const offset = new Date(millis).getTimezoneOffset() * 60_000;
  return new Date(millis - offset).toISOString();
}

/** A length of time for people, with no more digits than they read: `850ms`, `1.2s`, `4m10s`, `3h12m`. */
export function formatSpan(nanos: number): string {
  if (nanos < SECOND) return `${Math.max(0, Math.round(nanos / MILLISECOND))}ms`;
  if (nanos < 10 * SECOND) return `${Number((nanos / SECOND).toFixed(1))}s`;
  const text = formatDuration(Math.round(nanos / SECOND) * SECOND);
  return text.includes("h") ? text.replace(/\d+s$/, "") : text;
}

/** Time since a moment in RFC 3339, as nanoseconds; undefined for none. */
export function spanSince(timestamp: string | null, nowMillis: number): number | undefined {
  const then = timestamp === null ? Number.NaN : Date.parse(timestamp);
  return Number.isNaN(then) ? undefined : (nowMillis - then) * MILLISECOND;
}
