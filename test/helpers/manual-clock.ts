import type { Clock } from "../../src/base/clock.ts";

export interface ManualClock extends Clock {
  /** Lets time pass at once: calls back everything that is due, in its order. */
  advance(millis: number): void;
  /** Sets the clock on, or back when negative; time does not pass. */
  set(millis: number): void;
  /** How many timers wait. */
  readonly waiting: number;
}

/** How long its host is up when it begins, in milliseconds. */
const SINCE_BOOT = 3_600_000;

/** A clock that stands still until it is told to go on. */
export function manualClock(start = Date.UTC(2026, 0, 1)): ManualClock {
  let passed = 0;
  let set = 0;
  const timers = new Set<{ readonly due: number; readonly callback: () => void }>();
  return {
    now: () => start + set + passed,
    sinceBoot: () => SINCE_BOOT + passed,
    after: (millis, callback) => {
      const timer = { due: passed + millis, callback };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
    advance: (millis) => {
      passed += millis;
      const due = [...timers].filter((timer) => timer.due <= passed).sort((a, b) => a.due - b.due);
      for (const timer of due) if (timers.delete(timer)) timer.callback();
    },
    set: (millis) => {
      set += millis;
    },
    get waiting() {
      return timers.size;
    },
  };
}
