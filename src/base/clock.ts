/** Time and timers as a value, so that what decides by the clock can be tested without waiting. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Calls back once after `millis`; the returned function cancels it. */
  after(millis: number, callback: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  after: (millis, callback) => {
    const timer = setTimeout(callback, millis);
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
