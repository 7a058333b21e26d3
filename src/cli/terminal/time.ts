import { formatDuration, isDay, MILLISECOND, parseDuration, SECOND } from "../../base/units.ts";

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

/** What `parseMoment` reads, for people. */
export const MOMENT_FORMS =
  "how long ago, as 10m or 1h30m, or a time, as 14:05, 2026-03-01 14:05 or 2026-03-01T14:05:09Z";

/**
 * Reads a length of time ago, a time of the last 24 hours, or a date with a time, local unless it says otherwise.
 * @param now milliseconds since 1970.
 * @returns milliseconds since 1970; undefined when it is none.
 */
export function parseMoment(text: string, now: number): number | undefined {
  const ago = /^[+-]/.test(text) ? undefined : parseDuration(text);
  if (ago !== undefined) return now - ago / MILLISECOND;
  const clock = /^(\d\d:\d\d(?::\d\d)?)$/.exec(text)?.[1];
  if (clock !== undefined) {
    const today = localText(now * MILLISECOND).slice(0, 10);
    const at = Date.parse(`${today}T${clock}`);
    return Number.isNaN(at) ? undefined : at > now ? at - DAY : at;
  }
  const full = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?)(Z|[+-]\d\d:\d\d)?)?$/i.exec(text);
  if (full === null || !isDay(full[1] ?? "")) return undefined;
  const at = Date.parse(`${full[1]}T${full[2] ?? "00:00"}${full[3]?.toUpperCase() ?? ""}`);
  return Number.isNaN(at) ? undefined : at;
}

const DAY = 24 * 60 * 60 * 1_000;

/** Nanoseconds since 1970 in RFC 3339 with this host's offset, to the second: `2026-03-01T14:05:09+01:00`. */
export function formatStamp(nanos: number): string {
  const minutes = -new Date(nanos / MILLISECOND).getTimezoneOffset();
  const two = (value: number): string => String(Math.trunc(value)).padStart(2, "0");
  const offset = `${minutes < 0 ? "-" : "+"}${two(Math.abs(minutes) / 60)}:${two(Math.abs(minutes) % 60)}`;
  return `${localText(nanos).slice(0, 19)}${offset}`;
}
