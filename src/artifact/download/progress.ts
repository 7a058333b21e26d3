import { monotonicMillis } from "../../base/clock.ts";

/** How far a download is. */
export interface Progress {
  readonly bytes: number;
  /** What the server announced, null when it did not. */
  readonly total: number | null;
  /** Bytes per second, smoothed over the last reports. */
  readonly rate: number;
}

/** At most four reports a second: enough for an eye, nothing for a store. */
const REPORT_MILLIS = 250;

/** Weight of the newest report in the rate. */
const NEWEST = 0.3;

export interface ProgressMeter {
  /** @param bytes that came; fewer than none when some that had come were dropped. */
  add(bytes: number): void;
  /** Reports where it stands, whenever the last report was. */
  finish(): void;
}

/**
 * Turns chunks into reports, the first after `REPORT_MILLIS`.
 * @param start bytes that were there before.
 * @param now milliseconds that never go backwards.
 */
export function createMeter(
  total: number | null,
  report: (progress: Progress) => void,
  start = 0,
  now: () => number = monotonicMillis,
): ProgressMeter {
  let bytes = start;
  let rate = 0;
  let reportedBytes = start;
  let reportedAt = now();
  const send = (): void => {
    const at = now();
    const seconds = (at - reportedAt) / 1000;
    if (seconds > 0) {
      const latest = Math.max(0, bytes - reportedBytes) / seconds;
      rate = rate === 0 ? latest : rate * (1 - NEWEST) + latest * NEWEST;
    }
    reportedBytes = bytes;
    reportedAt = at;
    report({ bytes, total, rate: Math.round(rate) });
  };
  return {
    add(count) {
      bytes += count;
      if (now() - reportedAt >= REPORT_MILLIS) send();
    },
    finish: send,
  };
}
