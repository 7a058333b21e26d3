import { type Allocation, clientStatus, isTerminal } from "../allocation/allocation.ts";
import { newCheck } from "../allocation/check.ts";
import { AppError } from "../base/errors.ts";
import { shortId } from "../base/ids.ts";
import { checkConstraints } from "../constraint/check.ts";
import type { Job } from "../job/job.ts";
import { taskDirs } from "../paths.ts";
import type { Evaluation, JobRecord } from "../state/records.ts";
import type { Agent } from "./agent.ts";
import type { AgentContext } from "./context.ts";
import { neverFits } from "./decide.ts";
import { cancelBlocked, newEvaluation } from "./evaluation.ts";
import { readTaskLog } from "./logs.ts";
import { liveAllocations } from "./new-allocation.ts";
import { assertTask, restartTasks, signalTasks } from "./operate.ts";
import { warningsOf } from "./placement.ts";
import { checkSpecsOf, servicesOf } from "./services.ts";
import { type StopOptions, stopMachines } from "./stop.ts";
import { submitJob } from "./submit.ts";
import { createWaitingRoom } from "./waiting.ts";

/** The use cases, and what the agent does by itself. */
export interface RunningAgent extends Agent {
  /** Places nothing any more. */
  close(): void;
}

/** The use cases over one context; jobs that wait for room are looked at now and whenever there is more of it. */
export function createAgent(context: AgentContext): RunningAgent {
  const { store, recorder, supervisor } = context;
  const oneByOne = createQueue();
  const room = createWaitingRoom(context, oneByOne);
  supervisor.whenEnded(() => room.look());
  room.look();
  const job = (id: string): JobRecord => found(store.job(id), "job not found");
  const allocation = (id: string): Allocation =>
    supervisor.live(id) ?? found(store.allocation(id), `alloc not found: ${id}`);
  const jobOf = (id: string): Job => allocationJob(allocation(id));
  const allocationJob = ({ jobId, jobVersion }: Allocation): Job =>
    found(store.jobVersion(jobId, jobVersion), `job "${jobId}" has no version ${jobVersion}`).job;

  return {
    get node() {
      return context.node();
    },
    changes: recorder.changes,
    registerJob: (next, submission, { enforceIndex }) =>
      oneByOne(async () => {
        const registered = await submitJob(context, next, submission, enforceIndex);
        room.note(registered.job);
        return registered;
      }),
    validateJob: (candidate) => {
      const verdicts = checkConstraints(candidate, context.node());
      return { warnings: [...warningsOf(context, candidate, verdicts), ...neverFits(context, candidate)], verdicts };
    },
    deregisterJob: (id, options) =>
      oneByOne(async () => {
        const evaluation = deregister(context, job(id), options);
        room.forget(id);
        return evaluation;
      }),
    jobs: (prefix) => store.jobs(prefix),
    job,
    allocations: (filter) => store.allocations(filter).map((stored) => supervisor.live(stored.id) ?? stored),
    allocation,
    allocationJob,
    checks: (id) => {
      const found = allocation(id);
      if (found.checks !== undefined || isTerminal(found)) return found.checks ?? [];
      const specs = Object.keys(found.tasks).flatMap((task) => checkSpecsOf(context, found, task));
      return specs.map((spec) => ({ spec, state: newCheck(spec, found.modifyTime) }));
    },
    services: ({ jobId, allocationId, name }) =>
      store
        .liveAllocations()
        .filter((stored) => (jobId ?? stored.jobId) === stored.jobId && (allocationId ?? stored.id) === stored.id)
        .filter((stored) => clientStatus(supervisor.live(stored.id) ?? stored) === "running")
        .flatMap((stored) => servicesOf(context, stored))
        .filter((service) => service.provider === "nomad" && (name ?? service.name) === service.name),
    stopAllocation: (id, options) =>
      oneByOne(async () => stopAllocation(context, { allocation: allocation(id), job: jobOf(id) }, options)),
    restartAllocation: (id, task) =>
      oneByOne(async () => {
        if (task !== "") assertTask(allocation(id), task);
        restartTasks(context, { allocation: allocation(id), job: jobOf(id) }, task);
      }),
    signalAllocation: async (id, task, signal) => {
      if (task !== "") assertTask(allocation(id), task);
      await signalTasks(context, allocation(id), task, signal);
    },
    powerMachine: async (id, task, action) => {
      assertTask(allocation(id), task);
      return await supervisor.power(id, task, action);
    },
    evaluations: (filter) => store.evaluations(filter),
    evaluation: (id) => found(store.evaluation(id), "eval not found"),
    launchPlan: (allocationId, task) => {
      assertTask(allocation(allocationId), task);
      return found(
        store.lastLaunch(allocationId, task),
        `task "${task}" of ${shortId(allocationId)} was not started yet`,
      );
    },
    readLog: (allocationId, task, options) => {
      assertTask(allocation(allocationId), task);
      return readTaskLog(taskDirs(context.dirs, allocationId, task), task, options, () =>
        isTerminal(allocation(allocationId)),
      );
    },
    close: () => room.close(),
  };
}

function found<T>(value: T | undefined, message: string): T {
  if (value === undefined) throw new AppError("not_found", message);
  return value;
}

function deregister(
  context: AgentContext,
  record: JobRecord,
  { purge, ...options }: StopOptions & { readonly purge: boolean },
): Evaluation {
  const { store, recorder, clock } = context;
  const evaluation = recorder.record((index) => {
    const moment = { index, now: clock.now() };
    const made = newEvaluation(record.job, "job-deregister", moment);
    store.putEvaluation(made);
    cancelBlocked(store, record.waiting?.evalId, "the job was stopped", moment);
    if (purge) store.deleteJob(record.job.id);
    else store.putJob({ ...record, waiting: undefined, stop: true, modifyIndex: index, jobModifyIndex: index });
    return made;
  });
  for (const allocation of liveAllocations(context, record.job.id)) {
    const job = store.jobVersion(record.job.id, allocation.jobVersion)?.job ?? record.job;
    stopMachines(context, { allocation, job }, "job stopped", options);
  }
  return evaluation;
}

function stopAllocation(
  context: AgentContext,
  placed: { readonly allocation: Allocation; readonly job: Job },
  options: StopOptions,
): Evaluation {
  const evaluation = context.recorder.record((index) => {
    const made = newEvaluation(placed.job, "alloc-stop", { index, now: context.clock.now() });
    context.store.putEvaluation(made);
    return made;
  });
  stopMachines(context, placed, "allocation stopped", options);
  return evaluation;
}

/** Lets changes of jobs happen one after the other, so that two never choose the same port or version. */
function createQueue(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const next = last.then(work);
    last = next.catch(() => undefined);
    return next;
  };
}
