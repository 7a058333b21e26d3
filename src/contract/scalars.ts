import * as v from "valibot";
import { MILLISECOND, toWireTime } from "../base/units.ts";

/** A UUID in the form that Nomad gives everything it makes. */
export const IdSchema = v.pipe(v.string(), v.uuid());

/** Counts up from 0: versions, and indexes of changes. */
export const CountSchema = v.pipe(v.number(), v.integer(), v.minValue(0));

/** A duration, or a time since 1970, in integer nanoseconds; may lie beyond 2^53, where a JSON number is exact to 256 ns. */
export const NanosSchema = v.pipe(v.number(), v.integer());

/** RFC 3339 in UTC; null for a time that has not come, which Go's clients read as their zero time. */
export const TimestampSchema = v.nullable(v.pipe(v.string(), v.isoTimestamp()));

export const TextMapSchema = v.record(v.string(), v.string());

/** What a request may leave out: Go's clients write null for it. */
export const SentTextSchema = v.optional(v.nullable(v.string()), "");
export const SentFlagSchema = v.optional(v.nullable(v.boolean()), false);

/** Milliseconds since 1970, 0 for never, as RFC 3339. */
export function writeTimestamp(epochMillis: number): string | null {
  return epochMillis === 0 ? null : new Date(epochMillis).toISOString();
}

/** Milliseconds since 1970 as whole nanoseconds. */
export function writeTime(epochMillis: number): number {
  return Math.round(toWireTime(epochMillis));
}

/** A length of time in milliseconds as whole nanoseconds. */
export function writeMillis(millis: number): number {
  return Math.round(millis * MILLISECOND);
}

/** Nomad's namespace for what names none. */
export const DEFAULT_NAMESPACE = "default";
