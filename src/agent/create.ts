import type { Allocation } from "../allocation/allocation.ts";
import { checkConstraints } from "../constraint/check.ts";
import type { Job } from "../job/job.ts";
import type { Evaluation, JobRecord } from "../state/records.ts";
import type { Agent, DeregisterOptions } from "./agent.ts";
import { bundleLoads } from "./bundles.ts";
import type { AgentContext } from "./context.ts";
import { tellKeptDisks } from "./disk/kept.ts";
import { disksAtStake } from "./disk/replaced.ts";
import { createDrainer, type Drainer } from "./drain/draining.ts";
import { allocationFiles } from "./files.ts";
import { startGarbageCollector } from "./garbage/collector.ts";
import { imageUseCases } from "./images.ts";
import { findUncached } from "./offline.ts";
import { requireTask, restartTasks, signalTasks } from "./operate.ts";
import { outputOf } from "./output.ts";
import { neverFits } from "./place/decide.ts";
import { setEligible } from "./place/eligibility.ts";
import { recordLook } from "./place/evaluate.ts";
import { cancelBlocked, newEvaluation } from "./place/evaluation.ts";
import { liveAllocations } from "./place/new-allocation.ts";
import { warningsOf } from "./place/placement.ts";
import { createWaitingRoom, type WaitingRoom } from "./place/waiting.ts";
import { planJob } from "./plan/plan-job.ts";
import { lookUp, type Records, readRecords } from "./read.ts";
import { settleStops } from "./settle.ts";
import { findRefusedSources } from "./sources.ts";
import { type StopOptions, stopMachines } from "./stop.ts";
import { submitJob } from "./submit.ts";
import { createTokens } from "./tokens.ts";
import { usageReadings } from "./usage.ts";

/** The use cases, and what the agent does by itself. */
export interface RunningAgent extends Agent {
  /** To be called when the node has become another one: what waits may fit now. */
  nodeChanged(): void;
  /** Places nothing any more. */
  close(): void;
}

/** The use cases over one context; jobs that wait for room are looked at now and whenever there is more of it. */
export function createAgent(context: AgentContext): RunningAgent {
  const { recorder, supervisor } = context;
  const oneByOne = createQueue();
  settleStops(context);
  const room = createWaitingRoom(context, oneByOne);
  const collector = startGarbageCollector(context, { oneByOne });
  const drainer = createDrainer(context, { oneByOne, room });
  for (const tell of [room.look, drainer.look, collector.discardSoon]) supervisor.whenEnded(tell);
  room.look();
  const records = lookUp(context);
  const { job, jobOf, allocation } = records;

  return {
    get node() {
      return context.node();
    },
    registerJob: (next, submission, { enforceIndex }) =>
      oneByOne(async () => {
        const registered = await submitJob(context, next, submission, enforceIndex).finally(() => {
          // Also what failed when it was recorded already: the rest of it goes on.
          const record = context.store.job(next.id);
          if (record !== undefined) room.note(record);
        });
        // Whoever has the answer may rely on it.
        await recorder.durable();
        return registered;
      }),
    validateJob: (candidate) => {
      const verdicts = checkConstraints(candidate, context.node());
      const refused = findRefusedSources(context, candidate);
      const warnings = [...warningsOf(context, candidate, verdicts), ...neverFits(context, candidate), ...refused];
      // What nothing can be made of is in no cache either.
      return { warnings, verdicts, uncached: refused.length > 0 ? [] : findUncached(context, candidate) };
    },
    planJob: (candidate) => planJob(context, candidate),
    disksAtStake: (candidate) => disksAtStake(context, candidate),
    deregisterJob: (id, options) =>
      oneByOne(async () => {
        const evaluation = deregister(context, job(id), options);
        room.forget(id);
        collector.discardSoon();
        return evaluation;
      }),
    ...looksAgain(context, { job, room, oneByOne, drainer }),
    ...readRecords(context, records),
    stopAllocation: (id, options) =>
      oneByOne(async () => stopAllocation(context, { allocation: allocation(id), job: jobOf(id) }, options)),
    restartAllocation: (id, task) =>
      oneByOne(async () => {
        if (task !== "") requireTask(allocation(id), task);
        restartTasks(context, { allocation: allocation(id), job: jobOf(id) }, task);
      }),
    signalAllocation: async (id, task, signal) => {
      if (task !== "") requireTask(allocation(id), task);
      await signalTasks(context, allocation(id), task, signal);
    },
    powerMachine: async (id, task, action) => {
      requireTask(allocation(id), task);
      return await supervisor.power(id, task, action);
    },
    ...usageReadings(context, allocation),
    ...outputOf(context, allocation),
    ...besideJobs(context, allocation),
    garbage: {
      collect: ({ discard }) => collector.collect(discard),
      collectOne: async (id, { discard }) => await collector.collectOne(allocation(id), discard),
      tellDisks: (jobId, options) => tellKeptDisks(context, jobId, options),
    },
    nodeChanged: () => tellNode(context, room),
    close: () => {
      for (const part of [drainer, room, collector]) part.close();
    },
  };
}

/** The use cases after which what waits is looked at again. */
function looksAgain(
  context: AgentContext,
  {
    job,
    room,
    oneByOne,
    drainer,
  }: Pick<Records, "job"> & { readonly room: WaitingRoom; readonly oneByOne: Queue; readonly drainer: Drainer },
): Pick<Agent, "evaluateJob" | "setEligible" | "setDrain"> {
  return {
    evaluateJob: (id) =>
      oneByOne(async () => {
        const evaluation = recordLook(context, job(id));
        room.look();
        return evaluation;
      }),
    setEligible: (eligible) => oneByOne(async () => setEligible(context, eligible, room.look)),
    setDrain: drainer.set,
  };
}

function tellNode({ recorder, node }: AgentContext, room: { look(): void }): void {
  recorder.announce({ kind: "node", node: node() });
  room.look();
}

/** What is there whatever jobs there are. */
function besideJobs(
  context: AgentContext,
  allocation: (id: string) => Allocation,
): Pick<Agent, "images" | "bundles" | "tokens" | "files"> {
  return {
    images: imageUseCases(context),
    bundles: bundleLoads(context),
    tokens: createTokens(context),
    files: allocationFiles(context, allocation),
  };
}

function deregister(
  context: AgentContext,
  record: JobRecord,
  { purge, discard = false, ...options }: DeregisterOptions,
): Evaluation {
  const { store, recorder, clock } = context;
  const evaluation = recorder.recordFreeing((index) => {
    const moment = { index, now: clock.now() };
    const made = newEvaluation(record.job, "job-deregister", moment);
    store.putEvaluation(made);
    cancelBlocked(store, record.waiting?.evalId, "the job was stopped", moment);
    if (purge && discard) for (const { id } of store.allocations({ jobId: record.job.id })) store.discard(id);
    if (purge) store.deleteJob(record.job.id);
    else
      store.putJob({
        ...record,
        waiting: undefined,
        rollout: undefined,
        stop: true,
        modifyIndex: index,
        jobModifyIndex: index,
      });
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
  const evaluation = context.recorder.recordFreeing((index) => {
    const made = newEvaluation(placed.job, "alloc-stop", { index, now: context.clock.now() });
    context.store.putEvaluation(made);
    return made;
  });
  stopMachines(context, placed, "allocation stopped", options);
  return evaluation;
}

type Queue = <T>(work: () => Promise<T>) => Promise<T>;

/** Lets changes of jobs happen one after the other, so that two never choose the same port or version. */
function createQueue(): Queue {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const next = last.then(work);
    last = next.catch(() => undefined);
    return next;
  };
}
