import { isDeepStrictEqual } from "node:util";
import { AppError, errorText } from "../../base/errors.ts";
import type { Job } from "../../job/job.ts";
import type { PlacementFailure } from "../../placement/failure.ts";
import { StoreError } from "../../state/recorder.ts";
import type { Evaluation, JobRecord } from "../../state/records.ts";
import type { AgentContext } from "../context.ts";
import { openPlaces, rolloutWithout, waitingFor } from "../reconcile/left.ts";
import { nextTurns, type Turn } from "../reconcile/turns.ts";
import { type Decision, decidePlacement } from "./decide.ts";
import { blockedBy, type Moment, newBlocked } from "./evaluation.ts";
import { putAllocations, startAllocations } from "./new-allocation.ts";
import { checkPlacement, knowWhatMatters } from "./placement.ts";

/** Milliseconds until it is tried again when a full disk or the like kept a job from being placed. */
const RETRY_AFTER = 5_000;

/** The jobs of which copies wait for room or for their turn, and whoever places them when it has come. */
export interface WaitingRoom {
  /** To be called with the record of every job that was changed. */
  note(record: JobRecord): void;
  forget(jobId: string): void;
  /** To be called when there may be more room: tries every job that waits, soon and once for several calls. */
  look(): void;
  /** Places nothing any more. */
  close(): void;
}

/** @param oneByOne runs work when every change of jobs before it is done. */
export function createWaitingRoom(
  context: AgentContext,
  oneByOne: (work: () => Promise<void>) => Promise<void>,
): WaitingRoom {
  const waiting = new Set(context.store.jobs("").flatMap((record) => (isOpen(record) ? [record.job.id] : [])));
  const ending = new AbortController();
  const { signal } = ending;
  let [asked, followed] = [false, false];
  let cancelRetry = (): void => undefined;
  let trouble: string | null = null;

  const records = (): readonly JobRecord[] => {
    const known = inOrder([...waiting].flatMap((id) => context.store.job(id) ?? []));
    waiting.clear();
    for (const { job } of known) waiting.add(job.id);
    return known;
  };
  const tryAll = async (mayTry: (record: JobRecord, turns: readonly Turn[]) => boolean): Promise<void> => {
    for (const record of records()) {
      const turns = turnsOf(context, record);
      if (turns.length === 0 || !mayTry(record, turns)) continue;
      const decision = await decideAgain(context, record, turns);
      if (signal.aborted) return;
      if (!isOpen(tryPlace(context, record, turns, decision))) waiting.delete(record.job.id);
    }
    if (records().some(waitsForTurn)) follow();
  };
  const attempt = async (work: () => Promise<void>): Promise<void> => {
    try {
      await oneByOne(work);
      trouble = null;
    } catch (error) {
      if (signal.aborted) return;
      const text = errorText(error);
      if (text !== trouble) context.log.warn("a job that waits was not placed; it is tried again", { error: text });
      trouble = text;
      cancelRetry();
      cancelRetry = context.clock.after(RETRY_AFTER, look);
    }
  };
  const look = (): void => {
    if (asked || signal.aborted || waiting.size === 0) return;
    asked = true;
    cancelRetry();
    void attempt(async () => {
      asked = false;
      await tryAll(() => true);
    });
  };
  /** Whose turn it is hangs on machines that come up. Nothing is followed while nobody waits for a turn. */
  const follow = (): void => {
    if (followed) return;
    followed = true;
    void (async () => {
      const { changes } = context.recorder;
      for (let seen = 0; followed; ) {
        seen = await changes.waitAbove(seen, signal);
        if (signal.aborted) return;
        await attempt(async () => {
          followed = records().some(waitsForTurn);
          if (followed) await tryAll(isItsTurn);
        });
      }
    })();
  };
  return {
    note: (record) => {
      if (isOpen(record)) waiting.add(record.job.id);
      else waiting.delete(record.job.id);
      if (waitsForTurn(record)) follow();
    },
    forget: (jobId) => void waiting.delete(jobId),
    look,
    close: () => {
      ending.abort();
      cancelRetry();
    },
  };
}

const isOpen = (record: JobRecord): boolean => openPlaces(record).length > 0;

/** Whether some of a job's copies have what they need but their turn. */
const waitsForTurn = (record: JobRecord): boolean => openPlaces(record).length > (record.waiting?.groups.length ?? 0);

/** Whether there are more turns than copies that were found to lack room: what lacks it is tried when there is more. */
function isItsTurn({ waiting }: JobRecord, turns: readonly Turn[]): boolean {
  const lacking = Map.groupBy(waiting?.groups ?? [], (group) => group);
  const ready = Map.groupBy(turns, ({ place }) => place.group);
  return [...ready].some(([group, { length }]) => length > (lacking.get(group)?.length ?? 0));
}

function turnsOf({ store, supervisor }: AgentContext, record: JobRecord): Turn[] {
  const { job, version } = record;
  const allocations = store.allocations({ jobId: job.id }).map((stored) => supervisor.live(stored.id) ?? stored);
  return nextTurns({ job, version, places: openPlaces(record), allocations });
}

/** By priority, then by who came first, as Nomad's broker hands evaluations out. */
function inOrder(records: readonly JobRecord[]): JobRecord[] {
  return records
    .filter(isOpen)
    .toSorted(
      (a, b) => b.job.priority - a.job.priority || a.submitTime - b.submitTime || a.createIndex - b.createIndex,
    );
}

/** The node may have changed while the job waited: what it would be refused for today keeps it waiting with that reason. */
async function decideAgain(context: AgentContext, { job }: JobRecord, turns: readonly Turn[]): Promise<Decision> {
  try {
    await knowWhatMatters(context, job);
    checkPlacement(context, job);
    return await decidePlacement(context, job, turns);
  } catch (error) {
    return { placed: [], failures: failuresOf(turns, error) };
  }
}

/** A refusal as the reason why each group waits. @throws what is a fault and no refusal. */
function failuresOf(turns: readonly Turn[], error: unknown): PlacementFailure[] {
  if (!(error instanceof AppError) || error instanceof StoreError || error.code === "internal") throw error;
  const lines = error.message.split("\n").map((line) => line.trim());
  const filtered = lines.length > 1 ? lines.slice(1) : lines;
  return [...Map.groupBy(turns, ({ place }) => place.group)].map(([group, { length }]) => ({
    group,
    ...(length > 1 && { coalesced: length - 1 }),
    shortages: [],
    filtered,
  }));
}

/** Why nothing could be placed after all is kept as the reason: no user may be left for a machine. @returns the record as it is then. */
function tryPlace(context: AgentContext, record: JobRecord, turns: readonly Turn[], decision: Decision): JobRecord {
  try {
    return place(context, record, decision);
  } catch (error) {
    return place(context, record, { placed: [], failures: failuresOf(turns, error) });
  }
}

function place(context: AgentContext, record: JobRecord, { placed, failures }: Decision): JobRecord {
  const { store, recorder, clock, log } = context;
  const { job, waiting } = record;
  const before = store.evaluation(waiting?.evalId ?? "");
  if (placed.length === 0 && isDeepStrictEqual(before?.failures ?? [], failures)) return record;
  const origin = record.rollout?.evalId ?? waiting?.evalId ?? "";
  const done = recorder.record((index) => {
    const moment = { index, now: clock.now() };
    const blocked = putBlocked(context, { job, before, previousEval: origin, failures }, moment);
    const next: JobRecord = {
      ...record,
      waiting: waitingFor(failures, blocked),
      rollout: rolloutWithout(openPlaces(record), placed, origin),
      modifyIndex: index,
    };
    store.putJob(next);
    const evalOf = (group: string): string => (waiting?.groups.includes(group) ? waiting.evalId : origin);
    return { next, allocations: putAllocations(context, { record: next, placed, evalOf }, moment) };
  });
  if (placed.length > 0) log.info("copies of a job that waited are placed", { job: job.id, copies: placed.length });
  startAllocations(context, done.next, done.allocations);
  return done.next;
}

interface Blocking {
  readonly job: Job;
  /** The evaluation that was blocked until now; undefined when nothing lacked room. */
  readonly before: Evaluation | undefined;
  readonly previousEval: string;
  readonly failures: readonly PlacementFailure[];
}

/** Keeps why copies lack room; to be called while a change is recorded. @returns the evaluation that is blocked from now on; undefined when none does. */
export function putBlocked(
  { store }: Pick<AgentContext, "store">,
  { job, before, previousEval, failures }: Blocking,
  moment: Moment,
): Evaluation | undefined {
  const changed = { modifyIndex: moment.index, modifyTime: moment.now };
  if (before !== undefined && failures.length === 0) {
    store.putEvaluation({ ...before, status: "complete", statusDescription: "", failures: undefined, ...changed });
    return undefined;
  }
  const blocked =
    before === undefined
      ? newBlocked(job, { failures, previousEval }, moment)
      : { ...before, ...blockedBy(failures), ...changed };
  if (blocked !== undefined) store.putEvaluation(blocked);
  return blocked;
}
