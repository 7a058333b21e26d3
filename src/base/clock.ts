import { readFileSync } from "node:fs";

/** Time and timers as a value, so that what decides by the clock can be tested without waiting. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /**
   * Milliseconds since the host was started, those that it slept among them (CLOCK_BOOTTIME): nobody can set them, and every process
   * of this boot counts the same. Exact to 10 ms; null where the kernel does not tell.
   */
  sinceBoot(): number | null;
  /** Calls back once after `millis`; the returned function cancels it. */
  after(millis: number, callback: () => void): () => void;
}

/** A timer of the runtime that is to wait longer, 25 days, ends at once; a job may say `delay = "1000h"`. */
const LONGEST_TIMER = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  sinceBoot: readUptime,
  after: (millis, callback) => {
    let timer: ReturnType<typeof setTimeout>;
    const wait = (left: number): void => {
      timer = setTimeout(
        () => (left > LONGEST_TIMER ? wait(left - LONGEST_TIMER) : callback()),
        Math.min(left, LONGEST_TIMER),
      );
    };
    wait(millis);
    return () => clearTimeout(timer);
  },
};

function readUptime(): number | null {
  try {
    const seconds = Number.parseFloat(readFileSync("/proc/uptime", "latin1"));
    return Number.isFinite(seconds) ? seconds * 1000 : null;
  } catch {
    return null;
  }
}

/** Resolves after `millis`. */
export function delay(millis: number, clock: Clock = systemClock): Promise<void> {
  return new Promise((resolve) => {
    clock.after(millis, resolve);
  });
}

/**
 * What wakes the process from time to time wakes it at these moments, in milliseconds of the steady clock: each wake-up costs far more
 * than what is done then, and the timers of many machines that come one by one would keep it awake.
 */
const BEAT = 3_000;
/** Timers are not exact: one that comes a moment before its beat must not take the same beat for the next one. */
const EARLY = 100;

/**
 * How long a wait of about `millis` is that ends together with all others: up to a beat (3 s) less, never more than 0.1 s longer.
 * @param millis at least a beat. @param now of the steady clock.
 */
export function untilBeat(millis: number, now = monotonicMillis()): number {
  return Math.floor((now + millis + EARLY) / BEAT) * BEAT - now;
}

/** Milliseconds that never go backwards, for deadlines within this process. */
export function monotonicMillis(): number {
  return performance.now();
}
