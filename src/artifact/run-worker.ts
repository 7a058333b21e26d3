import { setTimeout } from "node:timers";
import { systemClock } from "../base/clock.ts";
import { AppError, errorText } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { formatBytes } from "../base/units.ts";
import { releaseCodePages } from "../runtime/code-pages.ts";
import { collectGarbageSoon, shrinkMemory } from "../runtime/memory.ts";
import { listenTo, startWorker } from "../runtime/worker.ts";
import type { Progress } from "./download/progress.ts";
import { DEFAULT_RANGES, type RangeRule } from "./download/range-trial.ts";
import { DEFAULT_RETRY, type Retry, type RetryRule } from "./download/retry.ts";
import { artifactError } from "./failure.ts";
import { type FromWorker, type Outcome, type Task, type ToWorker, unpackError } from "./messages.ts";
import type { Turns } from "./turns.ts";

export interface WorkOptions {
  /** Cancels the work; nothing of it stays, unless its reason is an AppError: then a later try may go on where it stood. */
  readonly signal: AbortSignal;
  /** About four times a second while bytes come, and once at the end. */
  readonly onProgress: (progress: Progress) => void;
  /** Called when the source failed and is going to be asked again. */
  readonly onRetry?: (retry: Retry) => void;
  /** Called when the cache had a file that is not what it should be, and which is fetched again. */
  readonly onDamaged?: (message: string) => void;
  readonly log: Log;
  /** Lets only so many Workers run at the same time; without it there is no limit. */
  readonly turns?: Turns;
  /** Called when so many others are before this one. */
  readonly onWait?: (before: number) => void;
  /** How often and when a source that failed is asked again; `DEFAULT_RETRY` unless set. */
  readonly retry?: RetryRule;
  /** When a file is fetched over several connections; `DEFAULT_RANGES` unless set. */
  readonly ranges?: RangeRule;
  /** Longest silence of the server in milliseconds, 60 s unless set. */
  readonly stallMillis?: number;
  /** How long the Worker may take to tidy up after a cancellation before it is cut off, in milliseconds; 5 s unless set. */
  readonly graceMillis?: number;
}

const STALL_MILLIS = 60_000;

const GRACE_MILLIS = 5_000;

/** Makes the Worker; tests give their own. */
export type StartWorker = () => Worker;

export const startArtifactWorker: StartWorker = () => startWorker("artifact/worker.ts");

/**
 * Has one task done by a Worker of its own, when it is its turn.
 * @param discard removes what the Worker leaves when it dies.
 * @throws AppError `fetch` when it fails or is cancelled.
 */
export async function runWorker(
  task: Task,
  options: WorkOptions,
  discard: () => Promise<void>,
  start: StartWorker,
): Promise<Outcome> {
  const { turns, signal, onWait } = options;
  const leave = await turns?.take(signal, onWait).catch(() => {
    throw artifactError(task.plan.source, "cancelled");
  });
  working++;
  try {
    return await useWorker(task, options, discard, start());
  } finally {
    working--;
    letGoLater();
    leave?.();
  }
}

/** Workers at this moment. */
let working = 0;

/** By then a machine that waited for an artifact has been started, and what follows an archive that is unpacked has begun. */
const LET_GO_MILLIS = 1_000;

/** What Workers have brought this thread to take grows with each of them otherwise: after twelve it had twice as much. */
function letGoLater(): void {
  setTimeout(() => {
    if (working === 0) shrinkMemory();
  }, LET_GO_MILLIS).unref();
}

async function useWorker(
  task: Task,
  options: WorkOptions,
  discard: () => Promise<void>,
  worker: Worker,
): Promise<Outcome> {
  const { source } = task.plan;
  const { promise, resolve, reject } = Promise.withResolvers<Outcome>();
  let settled = false;
  const died = (why: string): void => {
    // Our own terminate() closes it too, and by then the part file's name may be another download's.
    if (settled) return;
    settled = true;
    // It may have died between two writes.
    void discard()
      .catch((error: unknown) => {
        options.log.warn("cannot remove what a download left", { source, error: errorText(error) });
      })
      .then(() => reject(artifactError(source, `the download's worker ended early (${why})`)));
  };
  listenTo<FromWorker>(
    worker,
    (message) => {
      if (message.kind === "done") resolve(message.outcome);
      else if (message.kind === "failed") reject(unpackError(message.error));
      else tell(message, options);
    },
    died,
  );
  const post = (message: ToWorker): void => worker.postMessage(message);
  const stopCancelling = cancelOnAbort(
    options,
    () => post({ kind: "cancel", keep: options.signal.reason instanceof AppError }),
    () => {
      worker.terminate();
      died("cancelled, but it did not answer");
    },
  );
  try {
    const { stallMillis = STALL_MILLIS, retry = DEFAULT_RETRY, ranges = DEFAULT_RANGES } = options;
    post({ kind: "start", task, stallMillis, retry, ranges });
    // The agent is at its smallest while a Worker beside it has a heap of its own: less at the most by 3 MB each, of 92 MB, and no more.
    collectGarbageSoon();
    releaseCodePages().catch(() => undefined);
    return await promise;
  } finally {
    settled = true;
    stopCancelling();
    worker.terminate();
  }
}

function tell(
  message: Exclude<FromWorker, { readonly kind: "done" | "failed" }>,
  { onProgress, onRetry, onDamaged, log }: WorkOptions,
): void {
  switch (message.kind) {
    case "progress":
      onProgress(message.progress);
      break;
    case "retry": {
      const { message: error, bytes, millis } = message.retry;
      log.warn("fetching an artifact is tried again", { error, kept: formatBytes(bytes), millis });
      onRetry?.(message.retry);
      break;
    }
    case "damaged":
      log.warn(message.message);
      onDamaged?.(message.message);
      break;
  }
}

/** @returns a function that ends the watch. */
function cancelOnAbort({ signal, graceMillis }: WorkOptions, ask: () => void, cutOff: () => void): () => void {
  let stopTimer: () => void = () => undefined;
  const onAbort = (): void => {
    ask();
    stopTimer = systemClock.after(graceMillis ?? GRACE_MILLIS, cutOff);
  };
  signal.addEventListener("abort", onAbort, { once: true });
  return () => {
    stopTimer();
    signal.removeEventListener("abort", onAbort);
  };
}
