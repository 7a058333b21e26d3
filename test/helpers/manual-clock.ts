import type { Clock } from "../../src/base/clock.ts";

export interface ManualClock extends Clock {
  /** Lets time pass at once: calls back everything that is due, in its order. */
  advance(millis: number): void;
  /** How many timers wait. */
  readonly waiting: number;
}

/** A clock that stands still until it is told to go on. */
export function manualClock(start = Date.UTC(2026, 0, 1)): ManualClock {
  let now = start;
  const timers = new Set<{ readonly due: number; readonly callback: () => void }>();
  return {
    now: () => now,
    after: (millis, callback) => {
      const timer = { due: now + millis, callback };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
    advance: (millis) => {
      now += millis;
      const due = [...timers].filter((timer) => timer.due <= now).sort((a, b) => a.due - b.due);
      for (const timer of due) if (timers.delete(timer)) timer.callback();
    },
    get waiting() {
      return timers.size;
    },
  };
}
