import type { Allocation } from "../allocation/allocation.ts";
import { isSamePlace, type Place } from "../allocation/place.ts";
import { AppError } from "../base/errors.ts";
import type { Verdict } from "../constraint/check.ts";
import type { Job } from "../job/job.ts";
import { reasonsOf } from "../placement/failure.ts";
import type { Evaluation, JobRecord } from "../state/records.ts";
import type { VersionChange } from "../supervisor/ledger.ts";
import type { Registered, Submission } from "./agent.ts";
import type { AgentContext } from "./context.ts";
import { type DiskFate, fatesOfDisks } from "./disk/discard.ts";
import { assertImagesApart } from "./disk/sibling-images.ts";
import { assertCached } from "./offline.ts";
import { type Decision, decidePlacement } from "./place/decide.ts";
import { cancelBlocked, type Moment, newBlocked, newEvaluation } from "./place/evaluation.ts";
import { liveAllocations, putAllocations, startAllocations, stopReplaced } from "./place/new-allocation.ts";
import { checkPlacement, knowWhatMatters, warningsOf } from "./place/placement.ts";
import { type Change, changeOf, groupsMade, isNothing, makesMachines } from "./reconcile/change.ts";
import { rolloutWithout, waitingFor } from "./reconcile/left.ts";
import { nextTurns, type Turn } from "./reconcile/turns.ts";
import { assertSources } from "./sources.ts";

/**
 * The way of a job from the request to recorded allocations, one call a stage; what follows, from the artifacts to QEMU's
 * command line, is `prepare.ts`, and the supervisor asks for it. Copies for which there is no room are recorded and wait, those whose turn
 * it is not yet, too (`waiting.ts`); what they would replace runs on. What is recorded is on disk once `recorder.durable` says so, and
 * before any QEMU starts.
 * @throws AppError `unplaceable`, `conflict`.
 */
export async function submitJob(
  context: AgentContext,
  job: Job,
  submission: Submission | null,
  enforceIndex: number | undefined,
): Promise<Registered> {
  checkEnforcedIndex(job.id, context.store.job(job.id), enforceIndex);
  await knowWhatMatters(context, job);
  const verdicts = await checkOnNode(context, job);
  const change = changeOf(context, job);
  const { previous } = change;
  if (previous !== undefined && isNothing(change)) {
    const evaluation = recordEvaluation(context, job);
    return { evaluation, job: previous, warnings: warningsOf(context, job, verdicts), verdicts };
  }
  if (makesMachines(change)) {
    const made = groupsMade(job, change);
    assertSources(context, made);
    assertCached(context, made);
    assertImagesApart(context, made);
  }
  const version = nextVersion(context, job, change);
  const turns = firstTurns(context, job, { change, version });
  const decision = await decidePlacement(context, job, turns, change.stopped);
  // Before anything happens to them.
  const told = tellFates(await fatesOfDisks(context, change.before, job), change.before, decision);
  const recorded = recordJob(context, { job, change, version, submission, decision });
  if (decision.failures.length > 0) {
    context.log.info("a job waits for room", { job: job.id, why: decision.failures.flatMap(reasonsOf).join("; ") });
  }
  carryOut(context, recorded, change.stopped);
  const warnings = [...warningsOf(context, job, verdicts), ...told];
  return { evaluation: recorded.evaluation, job: recorded.record, warnings, verdicts };
}

/** QEMU may just have been installed: a job is refused only by what the node is now. */
async function checkOnNode(context: AgentContext, job: Job): Promise<readonly Verdict[]> {
  try {
    return checkPlacement(context, job);
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== "unplaceable") throw error;
    await context.lookAtNode();
    return checkPlacement(context, job);
  }
}

/** Of a copy that waits for room, what it is going to cost. */
function tellFates(
  fates: readonly DiskFate[],
  before: readonly Allocation[],
  { failures, placed }: Decision,
): string[] {
  const waits = (place: Place): boolean =>
    failures.some(({ group }) => group === place.group) &&
    !placed.some(({ group, index }) => isSamePlace({ group: group.name, index }, place));
  return fates.flatMap(({ allocationId, message, discarded }) => {
    const allocation = before.find(({ id }) => id === allocationId);
    if (allocation === undefined || !waits(allocation)) return [message];
    return discarded === null ? [] : [`when there is room, ${message}`];
  });
}

function checkEnforcedIndex(id: string, previous: JobRecord | undefined, enforceIndex: number | undefined): void {
  if (enforceIndex === undefined) return;
  const found = previous?.jobModifyIndex ?? 0;
  if (enforceIndex === found) return;
  const state = found === 0 ? "does not exist" : `has index ${found}`;
  throw new AppError("conflict", `job "${id}" was to be changed at index ${enforceIndex}, but it ${state}`, {
    hint: "look at what changed it, then submit again with the index it has now",
  });
}

/** As in Nomad, what is submitted again is no other version, also when its machine has ended and it gets another. */
function nextVersion({ store }: Pick<AgentContext, "store">, { id }: Job, { unchanged, previous }: Change): number {
  if (unchanged && previous !== undefined) return previous.version;
  return (store.lastVersion(id) ?? -1) + 1;
}

const placesToFill = ({ created, replaced }: Change): readonly Place[] => [
  ...created,
  ...replaced.map(({ allocation }) => allocation),
];

/** Whose turn it is when those that go on have become this version. */
function firstTurns(
  { store, supervisor }: AgentContext,
  job: Job,
  { change, version }: { readonly change: Change; readonly version: number },
): Turn[] {
  const kept = new Set(change.kept.map(({ id }) => id));
  const allocations = store
    .allocations({ jobId: job.id })
    .map((stored) => supervisor.live(stored.id) ?? stored)
    .map((one) => (kept.has(one.id) ? { ...one, jobVersion: version } : one));
  return nextTurns({ job, version, places: placesToFill(change), allocations });
}

interface Recording {
  readonly job: Job;
  readonly change: Change;
  readonly version: number;
  readonly submission: Submission | null;
  readonly decision: Decision;
}

interface Recorded {
  readonly record: JobRecord;
  readonly evaluation: Evaluation;
  /** New ones. */
  readonly allocations: readonly Allocation[];
  /** Those that go on by this version, with what changes of their records. */
  readonly updates: readonly (readonly [id: string, change: VersionChange])[];
}

function recordJob(context: AgentContext, recording: Recording): Recorded {
  const { store, recorder, clock } = context;
  const { job, change, version, decision } = recording;
  const { failures, placed } = decision;
  return recorder.recordSoon((index) => {
    const moment = { index, now: clock.now() };
    cancelBlocked(store, change.previous?.waiting?.evalId, "a newer evaluation of the job took its place", moment);
    const made = newEvaluation(job, "job-register", moment);
    const blocked = newBlocked(job, { failures, previousEval: made.id }, moment);
    const evaluation = blocked === undefined ? made : { ...made, failures, blockedEval: blocked.id };
    const record: JobRecord = {
      ...nextRecord(recording, moment),
      waiting: waitingFor(failures, blocked),
      rollout: rolloutWithout(placesToFill(change), placed, evaluation.id),
    };
    store.putJob(record);
    for (const one of blocked === undefined ? [evaluation] : [evaluation, blocked]) store.putEvaluation(one);
    const updated = { jobVersion: version, evalId: evaluation.id, modifyIndex: index, modifyTime: moment.now };
    // As they are by now: one may have ended while disks and ports were looked at.
    const updates = liveAllocations(context, job.id).filter(
      ({ id, jobVersion }) => jobVersion !== version && change.kept.some((one) => one.id === id),
    );
    for (const allocation of updates) store.putAllocation({ ...allocation, ...updated });
    const allocations = putAllocations(context, { record, placed, evalOf: () => evaluation.id }, moment);
    // No allocation goes with a version that ran in place, so that nothing else would ever come to these.
    store.dropVersions(job.id);
    return { record, evaluation, allocations, updates: updates.map(({ id }) => [id, updated] as const) };
  });
}

/**
 * Does what was recorded. New machines come first, so that they are known whatever becomes of the stops for which they wait; the others
 * go on by the new version: restart policy, checks and stops are looked up there from now on.
 */
function carryOut(context: AgentContext, recorded: Recorded, stopped: readonly Allocation[]): void {
  const { record, allocations, updates } = recorded;
  startAllocations(context, record, allocations);
  for (const allocation of stopped) stopReplaced(context, record, allocation);
  for (const [id, change] of updates) context.supervisor.update(id, change);
  if (updates.length > 0)
    context.log.info("a job is updated in place", { job: record.job.id, version: record.version });
}

function nextRecord({ job, change, version, submission }: Recording, { index, now }: Moment): JobRecord {
  const { previous, unchanged } = change;
  // Whoever submits again what waits keeps their place.
  const waits = unchanged && (previous?.waiting ?? previous?.rollout) !== undefined ? previous : undefined;
  return {
    job,
    version,
    stop: false,
    submitTime: waits?.submitTime ?? now,
    createIndex: previous?.createIndex ?? index,
    modifyIndex: index,
    jobModifyIndex: index,
    submission,
  };
}

function recordEvaluation(context: AgentContext, job: Job): Evaluation {
  return context.recorder.record((index) => {
    const evaluation = newEvaluation(job, "job-register", { index, now: context.clock.now() });
    context.store.putEvaluation(evaluation);
    return evaluation;
  });
}
