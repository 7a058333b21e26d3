import { type FSWatcher, watch } from "node:fs";
import { monotonicMillis } from "../base/clock.ts";

/** Looked at again after this even when no change was noticed, in milliseconds: file watches are lost on some file systems. */
const LOOK_AGAIN = 1_000;
/** Milliseconds between two looks at a log that grows all the time. */
const LOOK_SOON = 10;
/** A log that has not grown for so long is watched again, in milliseconds. */
const QUIET = 500;

/** Tells a reader of a directory when to look again. */
export interface LogWatch {
  /** @param grown whether the last look found something. Resolves when it is worth looking again, or when the signal aborts. */
  next(grown: boolean): Promise<void>;
  close(): void;
}

/**
 * Watches a directory of logs while they are quiet. While one grows it is looked at every few milliseconds instead: QEMU writes a
 * serial port's bytes one by one, and a notice for each of them would cost a quarter of a core.
 */
export function watchLogs(path: string, signal: AbortSignal): LogWatch {
  let watcher: FSWatcher | null = null;
  let grownAt = Number.NEGATIVE_INFINITY;
  let changed = false;
  let wake: () => void = () => undefined;
  const notice = (): void => {
    changed = true;
    wake();
  };
  const stop = (): void => {
    watcher?.close();
    watcher = null;
  };
  const start = (): void => {
    watcher = watch(path, notice);
    watcher.on("error", notice);
    // What was written before the watch began has to be looked for once more.
    changed = true;
  };
  start();
  return {
    next: async (grown) => {
      const now = monotonicMillis();
      const busy = grown && now - grownAt < QUIET;
      if (grown) grownAt = now;
      if (busy) stop();
      if (watcher === null && now - grownAt < QUIET) return await waitFor(LOOK_SOON, signal);
      if (watcher === null) start();
      if (!changed) await waitFor(LOOK_AGAIN, signal, (done) => (wake = done));
      changed = false;
    },
    close: stop,
  };
}

/** Resolves after so many milliseconds, on a call of what `wakeBy` is given, or when the signal aborts. */
export function waitFor(
  millis: number,
  signal: AbortSignal,
  wakeBy: (wake: () => void) => void = () => undefined,
): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, millis);
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    }
    signal.addEventListener("abort", done, { once: true });
    wakeBy(done);
    if (signal.aborted) done();
  });
}
