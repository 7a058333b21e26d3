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

/** Milliseconds that never go backwards, for deadlines within this process. */
export function monotonicMillis(): number {
  return performance.now();
}
