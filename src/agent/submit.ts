import type { Allocation } from "../allocation/allocation.ts";
import { AppError } from "../base/errors.ts";
import type { Verdict } from "../constraint/check.ts";
import type { Job } from "../job/job.ts";
import { reasonsOf } from "../placement/failure.ts";
import type { Evaluation, JobRecord } from "../state/records.ts";
import type { Registered, Submission } from "./agent.ts";
import type { AgentContext } from "./context.ts";
import { type Decision, decidePlacement } from "./decide.ts";
import { type DiskFate, fatesOfDisks } from "./disk/discard.ts";
import { changeOf, isUnchanged } from "./disk/replaced.ts";
import { cancelBlocked, newBlockedPair, newEvaluation } from "./evaluation.ts";
import { putAllocations, replaceAllocations } from "./new-allocation.ts";
import { assertCached } from "./offline.ts";
import { checkPlacement, knowWhatMatters, warningsOf } from "./placement.ts";
import { assertSources } from "./sources.ts";

/**
 * The way of a job from the request to a recorded allocation, one call a stage; what follows, from the artifacts to QEMU's
 * command line, is `prepare.ts`, and the supervisor asks for it. A job for which there is no room is recorded and waits
 * (`waiting.ts`); what it would replace runs on. What is recorded is on disk once `recorder.durable` says so, and before any QEMU
 * starts.
 * @throws AppError `unplaceable`, `conflict`.
 */
export async function submitJob(
  context: AgentContext,
  job: Job,
  submission: Submission | null,
  enforceIndex: number | undefined,
): Promise<Registered> {
  const previous = context.store.job(job.id);
  checkEnforcedIndex(job.id, previous, enforceIndex);
  await knowWhatMatters(context, job);
  const verdicts = await checkOnNode(context, job);
  const change = changeOf(context, job);
  if (change.kind === "none") {
    return {
      evaluation: recordEvaluation(context, job),
      job: change.previous,
      warnings: warningsOf(context, job, verdicts),
      verdicts,
    };
  }
  const unchanged = previous !== undefined && isUnchanged(previous, job);
  const recording = { job, previous, unchanged, submission };
  if (change.kind === "in place") {
    const { evaluation, record } = updateInPlace(context, recording, change.running);
    return { evaluation, job: record, warnings: warningsOf(context, job, verdicts), verdicts };
  }
  assertSources(context, job);
  assertCached(context, job);
  const decision = await decidePlacement(context, job);
  // Before anything happens to them.
  const told = tellFates(await fatesOfDisks(context, change.before, job), decision);
  const replaced = decision.kind === "waits" ? [] : change.running;
  const recorded = recordJob(context, { ...recording, decision });
  if (decision.kind === "waits") {
    context.log.info("a job waits for room", { job: job.id, why: decision.failures.flatMap(reasonsOf).join("; ") });
  }
  replaceAllocations(context, recorded.record, replaced, recorded.allocations);
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

/** Of a job that waits for room, what it is going to cost. */
function tellFates(fates: readonly DiskFate[], decision: Decision): string[] {
  if (decision.kind !== "waits") return fates.map(({ message }) => message);
  return fates.flatMap(({ message, discarded }) => (discarded === null ? [] : [`when there is room, ${message}`]));
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

interface Recording {
  readonly job: Job;
  readonly previous: JobRecord | undefined;
  readonly unchanged: boolean;
  readonly submission: Submission | null;
  readonly decision: Decision;
}

interface Recorded {
  readonly record: JobRecord;
  readonly evaluation: Evaluation;
  readonly allocations: readonly Allocation[];
}

function recordJob(context: AgentContext, recording: Recording): Recorded {
  const { store, recorder, clock } = context;
  const { job, previous, decision } = recording;
  return recorder.recordSoon((index) => {
    const moment = { index, now: clock.now() };
    cancelBlocked(store, previous?.waiting?.evalId, "a newer evaluation of the job took its place", moment);
    const record = nextRecord(context, recording, moment);
    if (decision.kind === "waits") {
      const { evaluation, blocked } = newBlockedPair(job, decision.failures, moment);
      const waiting = { evalId: blocked.id, groups: decision.failures.map(({ group }) => group) };
      store.putJob({ ...record, waiting });
      store.putEvaluation(evaluation);
      store.putEvaluation(blocked);
      store.dropVersions(job.id);
      return { record: { ...record, waiting }, evaluation, allocations: [] };
    }
    const evaluation = newEvaluation(job, "job-register", moment);
    store.putJob(record);
    store.putEvaluation(evaluation);
    const allocations = putAllocations(context, { record, evaluation, groups: decision.groups }, moment);
    store.dropVersions(job.id);
    return { record, evaluation, allocations };
  });
}

/** The allocations go on as they are, by the new version: restart policy, checks and stops are looked up there from now on. */
function updateInPlace(
  context: AgentContext,
  recording: Omit<Recording, "decision">,
  running: readonly Allocation[],
): Omit<Recorded, "allocations"> {
  const { store, recorder, supervisor, clock, log } = context;
  const { job, previous } = recording;
  const { updates, ...recorded } = recorder.record((index) => {
    const moment = { index, now: clock.now() };
    cancelBlocked(store, previous?.waiting?.evalId, "a newer evaluation of the job took its place", moment);
    const record = nextRecord(context, recording, moment);
    const evaluation = newEvaluation(job, "job-register", moment);
    store.putJob(record);
    store.putEvaluation(evaluation);
    const change = { jobVersion: record.version, evalId: evaluation.id, modifyIndex: index, modifyTime: moment.now };
    const updates = running.map(({ id }) => [id, change] as const);
    for (const allocation of running) store.putAllocation({ ...allocation, ...change });
    // No allocation goes with a version that ran in place, so that nothing else would ever come to these.
    store.dropVersions(job.id);
    return { record, evaluation, updates };
  });
  for (const [id, change] of updates) supervisor.update(id, change);
  log.info("a job is updated in place", { job: job.id, version: recorded.record.version });
  return recorded;
}

function nextRecord(
  { store }: AgentContext,
  { job, previous, unchanged, submission }: Omit<Recording, "decision">,
  { index, now }: { readonly index: number; readonly now: number },
): JobRecord {
  // As in Nomad, what is submitted again is no other version, also when its machine has ended and it gets another.
  const same = unchanged ? previous : undefined;
  return {
    job,
    version: same?.version ?? (store.lastVersion(job.id) ?? -1) + 1,
    stop: false,
    // Whoever submits again what waits keeps their place.
    submitTime: same?.waiting === undefined ? now : same.submitTime,
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
