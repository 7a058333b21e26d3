import { isDeepStrictEqual } from "node:util";
import type { Allocation } from "../allocation/allocation.ts";
import type { TaskEvent } from "../allocation/task-event.ts";
import { AppError } from "../base/errors.ts";
import { newId, shortId } from "../base/ids.ts";
import { checkConstraints, type Verdict } from "../constraint/check.ts";
import type { Group, Job } from "../job/job.ts";
import { taskDirs } from "../paths.ts";
import type { Evaluation, JobRecord } from "../state/records.ts";
import type { Registered, Submission } from "./agent.ts";
import type { AgentContext } from "./context.ts";
import { chooseUsers } from "./machine-users.ts";
import { assertPlaceable, cutTimes } from "./placement.ts";
import { assignPorts, portsOf } from "./ports.ts";
import { assertPortOpen } from "./reach.ts";
import { stopMachines } from "./stop.ts";

/**
 * The way of a job from the request to a recorded allocation, one call a stage; what follows, from the artifacts to QEMU's
 * command line, is `prepare.ts`, and the supervisor asks for it.
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
  const verdicts = checkPlacement(context, job);
  const live = liveAllocations(context, job.id);
  if (previous !== undefined && isUnchanged(previous, job) && live.length > 0) {
    const warnings = warningsOf(context, job, verdicts);
    return { evaluation: recordEvaluation(context, job), job: previous, warnings, verdicts };
  }
  const replaced = live.filter((allocation) => allocation.desired === "run");
  const ports = await assignGroupPorts(context, job, live);
  const { record, evaluation, allocations } = recordJob(context, { job, previous, submission, ports });
  for (const allocation of replaced) {
    const placedFor = context.store.jobVersion(job.id, allocation.jobVersion)?.job ?? job;
    stopMachines(context, { allocation, job: placedFor }, "job updated");
  }
  for (const allocation of allocations) context.supervisor.start(allocation);
  const losses = replaced.map((allocation) => replacementWarning(context, allocation));
  const warnings = [...warningsOf(context, job, verdicts), ...losses];
  return { evaluation, job: record, warnings, verdicts };
}

/** @throws AppError `unplaceable` that lists everything of the job that this node does not have. */
export function checkPlacement(context: AgentContext, job: Job): readonly Verdict[] {
  const node = context.node();
  const verdicts = checkConstraints(job, node);
  const failing = verdicts.filter((verdict) => !verdict.ok);
  if (failing.length > 0) {
    const lines = failing.map((verdict) => `  ${verdict.where}: ${verdict.text}`);
    throw new AppError("unplaceable", `job "${job.id}" does not fit this node:\n${lines.join("\n")}`, {
      hint: "paddock node status shows the node's attributes",
    });
  }
  assertPlaceable(job, node, context.policy);
  return verdicts;
}

/** What is worth knowing of a job that fits. */
export function warningsOf(
  context: Pick<AgentContext, "policy">,
  job: Job,
  verdicts: readonly Verdict[],
): readonly string[] {
  return [...notesOf(verdicts), ...cutTimes(job, context.policy)];
}

/** What is worth knowing of constraints that hold: an alias, another answer in Nomad. */
function notesOf(verdicts: readonly Verdict[]): string[] {
  return verdicts.flatMap(({ ok, note, where }) => (ok && note !== undefined ? [`${where}: ${note}`] : []));
}

/** Only what a job says of KVM hangs on the one fact that takes long to find. */
export async function knowWhatMatters(context: Pick<AgentContext, "nodeComplete">, job: Job): Promise<void> {
  if (JSON.stringify(job).includes("kvm")) await context.nodeComplete;
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

function isUnchanged(previous: JobRecord, job: Job): boolean {
  return !previous.stop && isDeepStrictEqual(JSON.parse(JSON.stringify(previous.job)), JSON.parse(JSON.stringify(job)));
}

export function liveAllocations(context: AgentContext, jobId: string): Allocation[] {
  return context.store.liveAllocations().filter((allocation) => allocation.jobId === jobId);
}

async function assignGroupPorts(context: AgentContext, job: Job, replaced: readonly Allocation[]) {
  const taken = new Map<number, string>();
  for (const allocation of context.store.liveAllocations()) {
    // The replaced allocations of this job end before the new ones begin.
    if (replaced.some(({ id }) => id === allocation.id)) continue;
    for (const port of allocation.ports) {
      taken.set(port.hostPort, `allocation ${shortId(allocation.id)} of job "${allocation.jobId}"`);
    }
  }
  const groups = job.groups.filter(({ count }) => count > 0);
  if (context.users !== null) {
    for (const port of groups.flatMap(portsOf)) if (port.static > 0) assertPortOpen(port.static, port.label);
  }
  return await Promise.all(groups.map((group) => assignPorts(group, taken)));
}

type GroupPorts = Awaited<ReturnType<typeof assignGroupPorts>>;

interface Recording {
  readonly job: Job;
  readonly previous: JobRecord | undefined;
  readonly submission: Submission | null;
  readonly ports: GroupPorts;
}

function recordJob(context: AgentContext, { job, previous, submission, ports }: Recording) {
  const { store, recorder, clock } = context;
  const now = clock.now();
  return recorder.record((index) => {
    const record: JobRecord = {
      job,
      version: (store.jobVersions(job.id)[0]?.version ?? -1) + 1,
      stop: false,
      submitTime: now,
      createIndex: previous?.createIndex ?? index,
      modifyIndex: index,
      jobModifyIndex: index,
      submission,
    };
    const evaluation = newEvaluation(job, "job-register", index, now);
    const groups = job.groups.filter(({ count }) => count > 0);
    store.putJob(record);
    store.putEvaluation(evaluation);
    // One after the other: what one has taken, the next one must see.
    const allocations = groups.map((group, at) => {
      const made = newAllocation(context, { record, group, evaluation, ports: ports[at] ?? [], index, now });
      store.putAllocation(made);
      return made;
    });
    return { record, evaluation, allocations };
  });
}

interface NewAllocation {
  readonly record: JobRecord;
  readonly group: Group;
  readonly evaluation: Evaluation;
  readonly ports: GroupPorts[number];
  readonly index: number;
  readonly now: number;
}

export function newAllocation(
  context: AgentContext,
  { record, group, evaluation, ports, index, now }: NewAllocation,
): Allocation {
  const received: TaskEvent = {
    type: "Received",
    time: now,
    message: "Task received by client",
    details: {},
    failsTask: false,
  };
  const users = chooseUsers(context.users, group.tasks);
  return {
    id: newId(),
    name: `${record.job.id}.${group.name}[0]`,
    index: 0,
    jobId: record.job.id,
    jobVersion: record.version,
    group: group.name,
    evalId: evaluation.id,
    nodeId: context.node().id,
    desired: "run",
    desiredDescription: "",
    ports,
    tasks: Object.fromEntries(
      group.tasks.map((task) => [
        task.name,
        {
          machine: { kind: "pending" },
          events: [received],
          restarts: 0,
          window: null,
          fetched: false,
          user: users.get(task.name) ?? null,
          lastRestart: 0,
          startedAt: 0,
          finishedAt: 0,
        },
      ]),
    ),
    createTime: now,
    modifyTime: now,
    createIndex: index,
    modifyIndex: index,
  };
}

/** One evaluation stands for every change, decided at once. */
export function newEvaluation(
  job: Job,
  triggeredBy: Evaluation["triggeredBy"],
  index: number,
  now: number,
): Evaluation {
  return {
    id: newId(),
    jobId: job.id,
    type: job.type,
    priority: job.priority,
    triggeredBy,
    status: "complete",
    statusDescription: "",
    createTime: now,
    createIndex: index,
    modifyIndex: index,
  };
}

function recordEvaluation(context: AgentContext, job: Job): Evaluation {
  return context.recorder.record((index) => {
    const evaluation = newEvaluation(job, "job-register", index, context.clock.now());
    context.store.putEvaluation(evaluation);
    return evaluation;
  });
}

function replacementWarning(context: AgentContext, allocation: Allocation): string {
  const [task = ""] = Object.keys(allocation.tasks);
  const { local } = taskDirs(context.dirs, allocation.id, task);
  return `allocation ${shortId(allocation.id)} is stopped and replaced; what its machine wrote to an image under local/ does not move along and stays in ${local}`;
}
