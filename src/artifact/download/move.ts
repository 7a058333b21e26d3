import { AppError } from "../../base/errors.ts";
import { artifactError, networkError, PassingTrouble } from "../failure.ts";
import type { Folder } from "../folder.ts";
import type { ArtifactPlan } from "../plan.ts";
import type { Source } from "../source/http.ts";
import { assertRoom, missingRoom } from "../space.ts";
import type { Draft } from "./draft.ts";
import { WRITEBACK_BYTES } from "./part.ts";
import { createMeter, type Progress } from "./progress.ts";
import { createTrial, DEFAULT_RANGES, type RangeRule, type Trial } from "./range-trial.ts";
import { openRanges, type Ranges } from "./ranges.ts";
import type { Sink } from "./sink.ts";
import { transfer } from "./transfer.ts";
import type { Watchdog } from "./watchdog.ts";

/** How often a download may still go over to several connections in vain: a source that fails in it each time is left in peace. */
export interface Chances {
  left: number;
}

export function createChances(): Chances {
  return { left: 3 };
}

export interface MoveOptions {
  readonly onProgress: (progress: Progress) => void;
  /** Called when so many bytes of the disk are missing, before the download fails of it. */
  readonly makeRoom?: (missing: number) => void;
  /** Longest silence of the server; there is no limit on the whole. */
  readonly stallMillis: number;
  /** When a file is fetched over several connections; `DEFAULT_RANGES` unless set. */
  readonly ranges?: RangeRule;
}

/** What a download's tries have in common. */
export interface MoveJob {
  readonly plan: ArtifactPlan;
  readonly folder: Folder;
  readonly options: MoveOptions;
  readonly chances: Chances;
}

/** One reply, and what it goes into. */
export interface Move {
  readonly draft: Draft;
  readonly source: Source;
  readonly watchdog: Watchdog;
  /** Its reason is thrown when it aborts. */
  readonly signal: AbortSignal;
  /** Has `signal` abort. */
  readonly abort: (error: unknown) => void;
}

/**
 * Moves what a source sends into the draft, over further connections where that is faster.
 * @returns false when one connection has to go on with what the draft has.
 * @throws AppError `fetch`; `PassingTrouble` when the reply ended early.
 */
export async function moveBytes(job: MoveJob, move: Move): Promise<boolean> {
  const { plan, options, chances } = job;
  const { ranges: rule = DEFAULT_RANGES } = options;
  const { draft, source, watchdog, signal } = move;
  const { total } = source;
  const count = (bytes: number): void => {
    meter.add(bytes);
    watch(bytes);
    trial?.count(bytes);
  };
  const trial = chances.left > 0 ? tryRanges(job, move, rule, count) : null;
  if (trial === null) draft.trim();
  const before = draft.there;
  const meter = createMeter(total, options.onProgress, before);
  const watch = watchRoom(job, before, total);
  let isWhole = true;
  try {
    const sinks = [limitTo(plan, draft, total), counted(draft, trial?.first ?? draft, count)];
    await transfer(source, sinks, watchdog, () => undefined, trial?.isOver);
    if (trial?.isOver()) isWhole = await goOn(trial);
    meter.finish();
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    throw error instanceof AppError ? error : networkError(plan.source, error);
  } finally {
    await letGo(trial?.ranges ?? null);
    if (trial?.isLost || trial?.ranges?.refused) chances.left = 0;
  }
  if (!isWhole) {
    if (draft.there - before < rule.leastBytes) chances.left--;
    return false;
  }
  if (total === null || draft.bytes === total) return true;
  const found = `the connection broke before the end of the reply: expected ${total} bytes, got ${draft.bytes}`;
  throw new PassingTrouble(plan.source, found, "try again; look at the server's log when it stays");
}

async function goOn({ ranges }: Trial): Promise<boolean> {
  ranges?.takeOver();
  return (await ranges?.done) ?? false;
}

/** Nothing is written by them when this returns. */
async function letGo(ranges: Ranges | null): Promise<void> {
  ranges?.end();
  await ranges?.done.catch(() => undefined);
}

/** @returns null where there is to be one connection; what an earlier try left behind a gap is in its way. */
function tryRanges(
  { plan, options }: MoveJob,
  { draft, source, signal, abort }: Move,
  rule: RangeRule,
  onBytes: (count: number) => void,
): Trial | null {
  const { version, total } = source;
  const connections = plan.transport.connections - 1;
  if (version === null || total === null || !source.ranges) return null;
  if (connections < 1 && draft.islands.length === 0) return null;
  const open = (start: number, ahead: number): Ranges => {
    const { pieceBytes } = rule;
    // As far as they come until it is known what they bring, and enough that a slow one does not hold up the others.
    const windowBytes = ahead * (connections + 1) + pieceBytes * 2 * connections;
    const silenceMillis = Math.min(options.stallMillis, rule.silenceMillis);
    const request = { plan, draft, version, total, start, connections, pieceBytes, windowBytes, silenceMillis };
    const ranges = openRanges({ ...request, signal, onBytes });
    // The first connection is another one's, and does not hear of a full disk by itself.
    ranges.done.catch(abort);
    return ranges;
  };
  return createTrial({ rule, total, draft, open });
}

function counted(draft: Draft, sink: Sink, count: (bytes: number) => void): Sink {
  return {
    write(chunk) {
      const before = draft.bytes;
      sink.write(chunk);
      count(draft.bytes - before);
    },
  };
}

/** Looks at the disk's room each time that so much came. */
function watchRoom({ plan, folder, options }: MoveJob, there: number, total: number | null): (count: number) => void {
  let bytes = there;
  let unlooked = 0;
  return (count) => {
    bytes += count;
    unlooked += count;
    if (unlooked < WRITEBACK_BYTES) return;
    unlooked = 0;
    settleRoom(plan, folder, options, [bytes, total]);
  };
}

/** @param amounts of bytes as for `assertRoom`, which is asked at the end. */
export function settleRoom(
  plan: ArtifactPlan,
  folder: Folder,
  { makeRoom }: Pick<MoveOptions, "makeRoom">,
  amounts: readonly [there: number, total: number | null],
): void {
  const missing = missingRoom(folder, ...amounts);
  if (missing > 0) makeRoom?.(missing);
  assertRoom(plan, folder, ...amounts);
}

/** Ends a reply that is longer than the file. */
function limitTo(plan: ArtifactPlan, draft: Draft, total: number | null): Sink {
  return {
    write(chunk) {
      if (total === null || draft.bytes + chunk.length <= total) return;
      throw artifactError(plan.source, `expected ${total} bytes, got more`, "the server lies about the length");
    },
  };
}
