import type { Clock } from "../base/clock.ts";
import { errorText } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { ChangeSignal } from "../events/bus.ts";
import { releaseCodePages } from "../runtime/code-pages.ts";

/** When all is done that an agent does at its start and never again, in milliseconds. */
const STARTED = 3_000;
/** Without a change for so long nobody is in the middle of anything, in milliseconds. */
const QUIET = 30_000;

/** What rests, and when. */
export interface Resting {
  readonly changes: ChangeSignal;
  readonly clock: Clock;
  readonly log: Log;
  /** Ends it. */
  readonly signal: AbortSignal;
  /** What is done then, unless a test says otherwise. */
  readonly release?: () => Promise<void>;
}

/**
 * Gives memory back that only the work of a moment needed: once the agent has started, and whenever nothing has changed for a while since
 * then. Between two changes it has no timer. Resolves when `signal` aborts.
 */
export async function restWhenQuiet({ changes, clock, log, signal, release = releaseCodePages }: Resting) {
  for (let wait = STARTED; !signal.aborted; wait = QUIET) {
    const before = changes.index;
    await pause(wait, clock, signal);
    if (signal.aborted || (wait === QUIET && changes.index !== before)) continue;
    try {
      await release();
    } catch (error) {
      // A host that hides a process from itself costs the agent some memory and no more.
      log.debug("the pages of what was done stay mapped", { error: errorText(error) });
    }
    await changes.waitAbove(changes.index, signal);
  }
}

function pause(millis: number, clock: Clock, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      cancel();
      signal.removeEventListener("abort", end);
      resolve();
    };
    const cancel = clock.after(millis, end);
    signal.addEventListener("abort", end);
  });
}
