import { isDeepStrictEqual } from "node:util";
import type { Allocation } from "../allocation/allocation.ts";
import { AppError, errorText } from "../base/errors.ts";
import type { Job } from "../job/job.ts";
import type { PlacementFailure } from "../placement/failure.ts";
import { StoreError } from "../state/recorder.ts";
import type { JobRecord } from "../state/records.ts";
import type { AgentContext } from "./context.ts";
import { type Decision, decidePlacement, type PlacedGroup } from "./decide.ts";
import { blockedBy } from "./evaluation.ts";
import { liveAllocations, putAllocations, replaceAllocations } from "./new-allocation.ts";
import { checkPlacement, knowWhatMatters } from "./placement.ts";

/** Milliseconds until it is tried again when a full disk or the like kept a job from being placed. */
const RETRY_AFTER = 5_000;

/** The jobs for which there was no room, and whoever places them when there is. */
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
  const waiting = new Set(
    context.store.jobs("").flatMap(({ job, waiting: waits }) => (waits === undefined ? [] : [job.id])),
  );
  let [asked, closed] = [false, false];
  let cancelRetry = (): void => undefined;
  let trouble: string | null = null;

  const tryAll = async (): Promise<void> => {
    asked = false;
    const records = inOrder([...waiting].flatMap((id) => context.store.job(id) ?? []));
    waiting.clear();
    for (const { job } of records) waiting.add(job.id);
    for (const record of records) {
      const decision = await decideAgain(context, record);
      if (closed) return;
      const failures = decision.kind === "waits" ? decision.failures : tryPlace(context, record, decision.groups);
      if (failures.length > 0) recordReasons(context, record, failures);
      else waiting.delete(record.job.id);
    }
  };
  const look = (): void => {
    if (asked || closed || waiting.size === 0) return;
    asked = true;
    cancelRetry();
    oneByOne(tryAll).then(
      () => {
        trouble = null;
      },
      (error: unknown) => {
        if (closed) return;
        const text = errorText(error);
        if (text !== trouble) context.log.warn("a job that waits was not placed; it is tried again", { error: text });
        trouble = text;
        cancelRetry = context.clock.after(RETRY_AFTER, look);
      },
    );
  };
  return {
    note: ({ job, waiting: waits }) => {
      if (waits === undefined) waiting.delete(job.id);
      else waiting.add(job.id);
    },
    forget: (jobId) => void waiting.delete(jobId),
    look,
    close: () => {
      closed = true;
      cancelRetry();
    },
  };
}

/** By priority, then by who came first, as Nomad's broker hands evaluations out. */
function inOrder(records: readonly JobRecord[]): JobRecord[] {
  return records
    .filter(({ waiting, stop }) => waiting !== undefined && !stop)
    .toSorted(
      (a, b) => b.job.priority - a.job.priority || a.submitTime - b.submitTime || a.createIndex - b.createIndex,
    );
}

/** The node may have changed while the job waited: what it would be refused for today keeps it waiting with that reason. */
async function decideAgain(context: AgentContext, { job }: JobRecord): Promise<Decision> {
  try {
    await knowWhatMatters(context, job);
    checkPlacement(context, job);
    return await decidePlacement(context, job);
  } catch (error) {
    return { kind: "waits", failures: failuresOf(job, error) };
  }
}

/** A refusal as the reason why each group waits. @throws what is a fault and no refusal. */
function failuresOf(job: Job, error: unknown): PlacementFailure[] {
  if (!(error instanceof AppError) || error instanceof StoreError || error.code === "internal") throw error;
  const lines = error.message.split("\n").map((line) => line.trim());
  const filtered = lines.length > 1 ? lines.slice(1) : lines;
  return job.groups.map(({ name }) => ({ group: name, shortages: [], filtered }));
}

/** Keeps the reasons when they are others than before. */
function recordReasons(context: AgentContext, record: JobRecord, failures: readonly PlacementFailure[]): void {
  const { store, recorder, clock } = context;
  const found = store.evaluation(record.waiting?.evalId ?? "");
  if (found === undefined || isDeepStrictEqual(found.failures, failures)) return;
  recorder.record((index) => {
    store.putEvaluation({ ...found, ...blockedBy(failures), modifyIndex: index, modifyTime: clock.now() });
  });
}

/** @returns why it could not be placed after all: no user may be left for its machine. */
function tryPlace(context: AgentContext, record: JobRecord, groups: readonly PlacedGroup[]): PlacementFailure[] {
  try {
    place(context, record, groups);
    return [];
  } catch (error) {
    return failuresOf(record.job, error);
  }
}

function place(context: AgentContext, record: JobRecord, groups: readonly PlacedGroup[]): void {
  const { store, recorder, clock } = context;
  const running = liveAllocations(context, record.job.id).filter(({ desired }) => desired === "run");
  const blocked = store.evaluation(record.waiting?.evalId ?? "");
  if (blocked === undefined) throw new AppError("internal", `the store has no evaluation of job "${record.job.id}"`);
  const allocations = recorder.record((index): Allocation[] => {
    const moment = { index, now: clock.now() };
    const evaluation = {
      ...blocked,
      status: "complete" as const,
      statusDescription: "",
      failures: undefined,
      modifyIndex: index,
      modifyTime: moment.now,
    };
    const placed = { ...record, waiting: undefined, modifyIndex: index };
    store.putEvaluation(evaluation);
    store.putJob(placed);
    return putAllocations(context, { record: placed, evaluation, groups }, moment);
  });
  context.log.info("a job that waited is placed", { job: record.job.id, evaluation: blocked.id });
  replaceAllocations(context, record, running, allocations);
}
