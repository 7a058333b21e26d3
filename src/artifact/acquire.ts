import { systemClock } from "../base/clock.ts";
import { AppError, errorText } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { formatBytes } from "../base/units.ts";
import { startWorker } from "../runtime/worker.ts";
import { artifactError } from "./failure.ts";
import { openFolder } from "./folder.ts";
import { removeJournal } from "./journal.ts";
import { type FromWorker, type ToWorker, unpackError } from "./messages.ts";
import { removePart } from "./part.ts";
import type { ArtifactPlan } from "./plan.ts";
import type { Progress } from "./progress.ts";
import { DEFAULT_RETRY, type Retry, type RetryRule } from "./retry.ts";
import { discardUnpacked } from "./staging.ts";
import type { Fetched } from "./unpack.ts";

export interface AcquireOptions {
  /** Cancels the download; nothing of it stays, unless its reason is an AppError: then a later try may go on where it stood. */
  readonly signal: AbortSignal;
  /** About four times a second while bytes come, and once at the end. */
  readonly onProgress: (progress: Progress) => void;
  /** Called when the source failed and is going to be asked again. */
  readonly onRetry?: (retry: Retry) => void;
  readonly log: Log;
  /** How often and when a source that failed is asked again; `DEFAULT_RETRY` unless set. */
  readonly retry?: RetryRule;
  /** Longest silence of the server in milliseconds, 60 s unless set. */
  readonly stallMillis?: number;
  /** How long the Worker may take to tidy up after a cancellation before it is cut off, in milliseconds; 5 s unless set. */
  readonly graceMillis?: number;
}

const STALL_MILLIS = 60_000;

const GRACE_MILLIS = 5_000;

/** Destinations that are being written by this process. */
const busy = new Set<string>();

/**
 * Fetches one artifact in a Worker of its own and gives it its name once it is proved.
 * @param start makes the Worker; tests give their own.
 * @throws AppError `fetch` when it fails or is cancelled, `conflict` when two artifacts have the same destination at once. No new
 * destination is left then, and a part file only where a later try can go on with it.
 */
export async function acquire(
  plan: ArtifactPlan,
  options: AcquireOptions,
  start: () => Worker = () => startWorker("artifact/worker.ts"),
): Promise<Fetched> {
  const { path } = plan.target;
  if (busy.has(path)) {
    throw new AppError("conflict", `artifact ${plan.source}: another artifact is being written to ${path}`);
  }
  if (options.signal.aborted) throw artifactError(plan.source, "cancelled");
  busy.add(path);
  try {
    options.log.info("fetching artifact", { source: plan.source, path });
    const acquired = await runWorker(plan, options, start());
    const { bytes, checksum, skipped, resumed, millis, unpacked } = acquired;
    options.log.info("artifact is there", {
      path: acquired.path,
      ...(unpacked === null ? {} : { files: unpacked.files }),
      size: formatBytes(bytes),
      checksum,
      skipped,
      resumed,
      millis: Math.round(millis),
    });
    return acquired;
  } finally {
    busy.delete(path);
  }
}

async function runWorker(plan: ArtifactPlan, options: AcquireOptions, worker: Worker): Promise<Fetched> {
  const { promise, resolve, reject } = Promise.withResolvers<Fetched>();
  let settled = false;
  const died = (why: string): void => {
    // Our own terminate() closes it too, and by then the part file's name may be another download's.
    if (settled) return;
    // It may have died between two writes.
    discardPart(plan, options.log);
    reject(artifactError(plan.source, `the download's worker ended early (${why})`));
  };
  worker.addEventListener("message", (event: MessageEvent<FromWorker>) => {
    const message = event.data;
    if (message.kind === "progress") options.onProgress(message.progress);
    else if (message.kind === "retry") {
      const { message: error, bytes, millis } = message.retry;
      options.log.warn("fetching an artifact is tried again", { error, kept: formatBytes(bytes), millis });
      options.onRetry?.(message.retry);
    } else if (message.kind === "acquired") resolve(message.acquired);
    else reject(unpackError(message.error));
  });
  worker.addEventListener("error", (event) => {
    event.preventDefault();
    died("uncaught error");
  });
  worker.addEventListener("messageerror", () => died("unreadable message"));
  // Bun's own event, for a Worker that ends without a word.
  worker.addEventListener("close", () => died("exit"));
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
    post({
      kind: "start",
      plan,
      stallMillis: options.stallMillis ?? STALL_MILLIS,
      retry: options.retry ?? DEFAULT_RETRY,
    });
    return await promise;
  } finally {
    settled = true;
    stopCancelling();
    worker.terminate();
  }
}

/** @returns a function that ends the watch. */
function cancelOnAbort({ signal, graceMillis }: AcquireOptions, ask: () => void, cutOff: () => void): () => void {
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

function discardPart(plan: ArtifactPlan, log: Log): void {
  try {
    const folder = openFolder(plan.target.root, plan.target.folders);
    try {
      removePart(folder, plan.target.fileName);
      removeJournal(plan);
      discardUnpacked(plan, folder);
    } finally {
      folder.close();
    }
  } catch (error) {
    log.warn("cannot remove a part file", { path: `${plan.target.path}.part`, error: errorText(error) });
  }
}
