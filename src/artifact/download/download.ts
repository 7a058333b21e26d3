import { setImmediate } from "node:timers/promises";
import { monotonicMillis } from "../../base/clock.ts";
import { AppError } from "../../base/errors.ts";
import { formatChecksum } from "../../cache/checksum.ts";
import type { Validator } from "../../cache/source.ts";
import { findProved, openTargetFolder, type ProvedFile, refuseOddDestination } from "../destination.ts";
import { artifactError, diskError, onDisk, PassingTrouble } from "../failure.ts";
import type { Folder } from "../folder.ts";
import type { ArtifactPlan } from "../plan.ts";
import { type Beginning, openHttpSource, type Source } from "../source/http.ts";
import { type Draft, openDraft } from "./draft.ts";
import { removeJournal } from "./journal.ts";
import { createChances, type MoveJob, type MoveOptions, moveBytes, settleRoom } from "./move.ts";
import { removePart } from "./part.ts";
import { PROGRESS_BYTES, pause, pauseMillis, type Retry, type RetryRule } from "./retry.ts";
import { createWatchdog } from "./watchdog.ts";

/** A file that is there, whole and proved. */
export interface Acquired {
  /** Absolute. */
  readonly path: string;
  readonly bytes: number;
  /** `type:hex` of the file, by the type that the job asked for, else sha256. */
  readonly checksum: string;
  /** True when the file was there already with the right checksum, and nothing was fetched. */
  readonly skipped: boolean;
  /** Bytes that an earlier try had brought; 0 when all of it was fetched now, or nothing had to be. */
  readonly resumed: number;
  readonly millis: number;
}

/** The same, with what its source can be asked later. */
export interface Downloaded extends Acquired {
  /** Null when nothing was fetched, or the source cannot tell one version of a file from another. */
  readonly validator: Validator | null;
}

export interface DownloadOptions extends MoveOptions {
  readonly signal: AbortSignal;
  readonly onRetry: (retry: Retry) => void;
  readonly retry: RetryRule;
}

/** The reason of a signal that cancels, and leaves what is there for a later try. */
export const LEAVE = Symbol("leave");

/**
 * Fetches one artifact: source, then hash and part file, then proof, then the name. Blocks on the disk, so it runs in a Worker.
 * Whatever fails leaves no destination that was not there before, and a part file only when the network failed (or `LEAVE` was said)
 * and the source proved that it can be asked for the rest.
 * @param known asks for the file only if it is another one by now than the one with this validator.
 * @returns null when it is not.
 * @throws AppError `fetch`.
 */
export async function download(
  plan: ArtifactPlan,
  options: DownloadOptions,
  known: Validator | null = null,
): Promise<Downloaded | null> {
  const started = monotonicMillis();
  const cancelled = new AbortController();
  const cancel = (): void => cancelled.abort(artifactError(plan.source, "cancelled"));
  if (options.signal.aborted) cancel();
  options.signal.addEventListener("abort", cancel, { once: true });
  const folder = openTargetFolder(plan);
  try {
    const job = { plan, folder, options, known, cancelled: cancelled.signal, chances: createChances() };
    const kept = await findProved(plan, folder, cancelled.signal);
    const file = kept ?? (await fetchInto(job));
    if (file === null) return null;
    return {
      path: plan.target.path,
      resumed: 0,
      validator: null,
      ...file,
      skipped: kept !== undefined,
      millis: monotonicMillis() - started,
    };
  } finally {
    folder.close();
    options.signal.removeEventListener("abort", cancel);
  }
}

/** One download, with all that its steps need. */
interface Fetch extends MoveJob {
  readonly options: DownloadOptions;
  readonly known: Validator | null;
  /** Aborts with what is thrown then. */
  readonly cancelled: AbortSignal;
}

type Brought = ProvedFile & Pick<Downloaded, "resumed" | "validator">;

async function fetchInto(job: Fetch): Promise<Brought | null> {
  const { plan, folder, options, cancelled } = job;
  let keep = false;
  let draft: Draft | undefined;
  try {
    draft = await openDraft(plan, folder, cancelled);
    const resumed = draft.there;
    const reply = await fetchPatiently(job, draft);
    if (reply === null) return null;
    const checksum = proveBytes(plan, draft);
    await giveName(job, draft);
    return { bytes: draft.bytes, checksum, resumed: reply.anew ? 0 : resumed, validator: reply.validator };
  } catch (error) {
    keep = cancelled.aborted ? options.signal.reason === LEAVE : error instanceof PassingTrouble;
    throw error;
  } finally {
    if (draft !== undefined) await draft.close(keep);
    else if (!keep) removeLeft(plan, folder);
  }
}

/** What an earlier try left goes even when it could not be opened, as far as that can be done. */
function removeLeft(plan: ArtifactPlan, folder: Folder): void {
  try {
    removeJournal(plan);
    removePart(folder, plan.target.fileName);
  } catch {
    // Why the download failed is told already.
  }
}

/** How a source answered. */
interface Reply {
  /** What was there before had to go. */
  readonly anew: boolean;
  readonly validator: Validator | null;
}

/** Asks the source until all of it is there. @returns null when it has what is known. @throws AppError when it is hopeless. */
async function fetchPatiently(job: Fetch, draft: Draft): Promise<Reply | null> {
  const { options, cancelled } = job;
  for (let failures = 1, best = draft.there; ; failures++) {
    try {
      const reply = await fetchOnce(job, draft);
      if (reply !== undefined) return reply;
      // It brought the file on, and that it goes on is no failure.
      failures--;
    } catch (error) {
      if (cancelled.aborted) throw cancelled.reason;
      if (!(error instanceof PassingTrouble)) throw error;
      const kept = draft.version === null ? 0 : draft.there;
      if (kept >= best + PROGRESS_BYTES) {
        best = kept;
        failures = 1;
      }
      if (failures >= options.retry.tries) throw error;
      const millis = pauseMillis(options.retry, failures, error.afterMillis);
      options.onRetry({ message: error.message, bytes: kept, millis });
      await pause(millis, cancelled);
    }
  }
}

/** One request and its reply. @returns undefined when several connections were tried and one has to go on. */
async function fetchOnce(job: Fetch, draft: Draft): Promise<Reply | null | undefined> {
  const { plan, folder, options, known } = job;
  const ended = new AbortController();
  const signal = AbortSignal.any([job.cancelled, ended.signal]);
  const watchdog = createWatchdog(options.stallMillis, () => {
    ended.abort(new PassingTrouble(plan.source, `no byte came for ${options.stallMillis / 1000} s`, STALL_HINT));
  });
  try {
    watchdog.arm();
    const source = await openHttpSource(plan, { beginning: beginningOf(draft), known }, signal);
    watchdog.disarm();
    if (source === null) return null;
    const anew = source.offset === 0 && draft.bytes > 0;
    await settleDraft(plan, draft, source);
    settleRoom(plan, folder, options, [draft.there, source.total]);
    const isWhole = await moveBytes(job, { draft, source, watchdog, signal, abort: (error) => ended.abort(error) });
    return isWhole ? { anew, validator: source.validator } : undefined;
  } finally {
    watchdog.disarm();
    // Lets go of the connection when it was the disk that failed.
    ended.abort(artifactError(plan.source, "finished"));
  }
}

const STALL_HINT = "the server or the network on the way hangs; try again";

function beginningOf({ bytes, version }: Draft): Beginning | null {
  return version === null || bytes === 0 ? null : { bytes, version };
}

/** Makes the draft what the source goes on from. */
async function settleDraft(plan: ArtifactPlan, draft: Draft, source: Source): Promise<void> {
  if (source.offset === draft.bytes && draft.bytes > 0) return;
  await draft.startOver(source.version).catch((error: unknown) => {
    throw error instanceof AppError ? error : diskError(plan.source, `${plan.target.path}.part`, "write", error);
  });
}

/** @returns the checksum. @throws AppError when the bytes are not those that were asked for. */
function proveBytes(plan: ArtifactPlan, draft: Draft): string {
  const found = formatChecksum(draft.digest());
  assertProved(plan, found, draft.bytes);
  return found;
}

/** @param found the checksum of what came, `type:hex`. @throws AppError when it is not the one that was asked for. */
export function assertProved({ source, checksum, checksumFile }: ArtifactPlan, found: string, bytes: number): void {
  if (checksumFile !== null && checksum === null) {
    throw new AppError("internal", `artifact ${source}: fetched before its checksum was asked for`);
  }
  if (checksum === null || found === formatChecksum(checksum)) return;
  throw artifactError(
    source,
    `checksum of ${bytes} bytes: expected ${formatChecksum(checksum)}, got ${found}`,
    "the file of the source is another one than the job means, or it was damaged on the way",
  );
}

async function giveName({ plan, folder, cancelled }: Fetch, draft: Draft): Promise<void> {
  const { path } = plan.target;
  await draft.sync().catch((error: unknown) => {
    throw diskError(plan.source, path, "write", error);
  });
  // A turn of the event loop, so that a cancellation on its way is heard before the file has its name.
  await setImmediate();
  cancelled.throwIfAborted();
  refuseOddDestination(plan, folder);
  onDisk(plan.source, path, "name", () => draft.publish());
}
