import { systemClock } from "../../base/clock.ts";

/** Waits for signs of life: says so once when none came for a while. */
export interface Watchdog {
  /** Starts the wait, or starts it afresh. */
  arm(): void;
  /** Stops waiting, while we ourselves are the ones who take their time. */
  disarm(): void;
}

/** @param onSilence called when `millis` passed since the last `arm`. */
export function createWatchdog(millis: number, onSilence: () => void): Watchdog {
  let cancel: (() => void) | undefined;
  const disarm = (): void => {
    cancel?.();
    cancel = undefined;
  };
  const arm = (): void => {
    disarm();
    cancel = systemClock.after(millis, onSilence);
  };
  return { arm, disarm };
}
