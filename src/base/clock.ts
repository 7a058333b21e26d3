/** Time and timers as a value, so that what decides by the clock can be tested without waiting. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Calls back once after `millis`; the returned function cancels it. */
  after(millis: number, callback: () => void): () => void;
}

/** A timer of the runtime that is to wait longer, 25 days, ends at once; a job may say `delay = "1000h"`. */
const LONGEST_TIMER = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
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
