import { AppError } from "../base/errors.ts";
import { unpin } from "../cache/publish.ts";
import { compressionOf } from "./bring.ts";
import type { Progress } from "./download/progress.ts";
import { requestOf } from "./download/request.ts";
import { artifactError } from "./failure.ts";
import type { ArtifactPlan } from "./plan.ts";
import type { WorkOptions } from "./run-worker.ts";
import type { Brought } from "./unpack/fetched.ts";

/** What came of a flight; the cache keeps the entry at least until it is released. */
export interface Hold {
  readonly brought: Brought;
  release(): void;
}

/** Brings an artifact into the cache, telling of it by the options that it is given. */
export type Bring = (options: WorkOptions) => Promise<Brought>;

/** What a request waits for with whom. */
type Waiter = Pick<WorkOptions, "onProgress" | "onRetry" | "onDamaged" | "onWait">;

/** One download, and all that wait for it. */
interface Flight {
  /** What is asked of the bytes: those who ask for something else do not wait for it. */
  readonly subject: string;
  readonly cancel: AbortController;
  /** Until it has ended those who wait, then those who have not yet used what came. */
  readonly waiters: Set<Waiter>;
  readonly result: Promise<Brought>;
  latest: Progress | undefined;
  /** How many others it had to wait for when it began. */
  before: number | undefined;
  /** One of those who left wants to go on with it later. */
  keep: boolean;
  ended: Brought | undefined;
}

/** By cache and request: two downloads of one request would write to one part file. */
const flights = new Map<string, Flight>();

/**
 * Brings an artifact into the cache, once for all that ask for it at the same time. Each of them hears of progress, success and
 * failure; who gives up leaves the others theirs, and when all have, it is cancelled.
 * @param bring begins it where nobody did.
 * @throws AppError `fetch` of `bring`, or when the signal aborts.
 */
export async function bringOnce(plan: ArtifactPlan, cache: string, options: WorkOptions, bring: Bring): Promise<Hold> {
  const place = `${cache}\n${requestOf(plan)}`;
  const subject = JSON.stringify([plan.checksum, compressionOf(plan)]);
  for (;;) {
    if (options.signal.aborted) throw artifactError(plan.source, "cancelled");
    const flight = flights.get(place);
    if (flight === undefined) return await join(startFlight(place, subject, options, bring), plan, options);
    if (flight.subject === subject && !flight.cancel.signal.aborted) return await join(flight, plan, options);
    await settledOrAborted(flight.result, options.signal);
  }
}

function startFlight(place: string, subject: string, options: WorkOptions, bring: Bring): Flight {
  const cancel = new AbortController();
  const waiters = new Set<Waiter>();
  const { promise: result, resolve, reject } = Promise.withResolvers<Brought>();
  const flight: Flight = {
    subject,
    cancel,
    waiters,
    result,
    latest: undefined,
    before: undefined,
    keep: false,
    ended: undefined,
  };
  flights.set(place, flight);
  bring({
    ...options,
    signal: cancel.signal,
    onProgress: (progress) => {
      flight.latest = progress;
      for (const waiter of [...waiters]) waiter.onProgress(progress);
    },
    onRetry: (retry) => {
      for (const waiter of [...waiters]) waiter.onRetry?.(retry);
    },
    onDamaged: (message) => {
      for (const waiter of [...waiters]) waiter.onDamaged?.(message);
    },
    onWait: (before) => {
      flight.before = before;
      for (const waiter of [...waiters]) waiter.onWait?.(before);
    },
  }).then(
    (brought) => {
      flights.delete(place);
      flight.ended = brought;
      if (waiters.size === 0) unpin(brought.pin);
      resolve(brought);
    },
    (error: unknown) => {
      flights.delete(place);
      reject(error);
    },
  );
  // Whoever waits hears of it; when nobody does, nobody has to.
  result.catch(() => undefined);
  return flight;
}

async function join(flight: Flight, plan: ArtifactPlan, options: WorkOptions): Promise<Hold> {
  const { signal, onProgress, onRetry, onDamaged, onWait } = options;
  const waiter: Waiter = {
    onProgress,
    ...(onRetry && { onRetry }),
    ...(onDamaged && { onDamaged }),
    ...(onWait && { onWait }),
  };
  flight.waiters.add(waiter);
  if (flight.latest !== undefined) onProgress(flight.latest);
  else if (flight.before !== undefined) onWait?.(flight.before);
  const gaveUp = Promise.withResolvers<void>();
  const leave = (): void => {
    flight.keep ||= signal.reason instanceof AppError;
    letGo(flight, waiter);
    gaveUp.resolve();
  };
  signal.addEventListener("abort", leave, { once: true });
  try {
    await Promise.race([flight.result, gaveUp.promise]);
    // The last one waits until nothing of it is under way any more.
    if (signal.aborted && flight.cancel.signal.aborted) await flight.result;
  } catch (error) {
    letGo(flight, waiter);
    throw error;
  } finally {
    signal.removeEventListener("abort", leave);
  }
  if (signal.aborted || flight.ended === undefined) throw artifactError(plan.source, "cancelled");
  return { brought: flight.ended, release: () => letGo(flight, waiter) };
}

function letGo(flight: Flight, waiter: Waiter): void {
  if (!flight.waiters.delete(waiter) || flight.waiters.size > 0) return;
  if (flight.ended !== undefined) unpin(flight.ended.pin);
  else flight.cancel.abort(flight.keep ? new AppError("unavailable", "all that waited for it go on later") : undefined);
}

async function settledOrAborted(result: Promise<unknown>, signal: AbortSignal): Promise<void> {
  const aborted = Promise.withResolvers<void>();
  const wake = (): void => aborted.resolve();
  signal.addEventListener("abort", wake, { once: true });
  await Promise.race([result.catch(() => undefined), aborted.promise]);
  signal.removeEventListener("abort", wake);
}
