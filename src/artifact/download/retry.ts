import { systemClock } from "../../base/clock.ts";

/** When a source that failed is asked again, within one download. */
export interface RetryRule {
  /** Requests in a row that may fail. One that brought the file on by `PROGRESS_BYTES` for good begins the count anew. */
  readonly tries: number;
  /** Before the second try, in milliseconds; each further pause is twice as long. */
  readonly firstMillis: number;
  readonly longestMillis: number;
}

/** Some 10 s of trouble at the most; what takes longer is the restart policy's, which goes on with what is there. */
export const DEFAULT_RETRY: RetryRule = { tries: 5, firstMillis: 1000, longestMillis: 30_000 };

/** What is told when a source is going to be asked again. */
export interface Retry {
  /** What went wrong. */
  readonly message: string;
  /** What the next try goes on from; 0 when it has to begin anew. */
  readonly bytes: number;
  /** Until then. */
  readonly millis: number;
}

/** Less than this is no progress: a server that gives a byte to each request would be asked for ever. */
export const PROGRESS_BYTES = 1 << 20;

/** A server that wants to be left alone for longer is asked again after this time all the same. */
const LONGEST_WISH_MILLIS = 120_000;

/**
 * @param failures in a row, from 1.
 * @param wish what the server asked for, in milliseconds.
 * @param random from 0 to 1: those whom one server failed do not come back all at once.
 * @returns milliseconds.
 */
export function pauseMillis(
  { firstMillis, longestMillis }: RetryRule,
  failures: number,
  wish: number | null,
  random: number = Math.random(),
): number {
  const doubled = Math.min(longestMillis, firstMillis * 2 ** (failures - 1));
  const ours = Math.round(doubled * (0.5 + random / 2));
  return Math.max(ours, Math.min(wish ?? 0, LONGEST_WISH_MILLIS));
}

/** Reads `Retry-After`: seconds or a date. @param now milliseconds since 1970. @returns milliseconds, or null. */
export function readRetryAfter(value: string | null, now: number): number | null {
  const text = value?.trim() ?? "";
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000;
  // A date has a name in it; `Date.parse` would take `-5` too.
  const at = /[A-Za-z]/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(at) ? null : Math.max(0, at - now);
}

/** Resolves after `millis`. @throws the signal's reason as soon as it aborts. */
export async function pause(millis: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const { promise, resolve } = Promise.withResolvers<void>();
  const cancel = systemClock.after(millis, resolve);
  const wake = (): void => resolve();
  signal.addEventListener("abort", wake, { once: true });
  await promise;
  signal.removeEventListener("abort", wake);
  cancel();
  signal.throwIfAborted();
}

/**
 * A line that breaks and breaks brings the file on all the same; a thousand events about it would push out all others.
 * @param retries of one download, from 1.
 */
export function isWorthTelling(retries: number): boolean {
  return retries <= 5 || Number.isInteger(Math.log10(retries));
}
