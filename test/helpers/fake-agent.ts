import type { Agent, DeregisterOptions, Measured, Submission } from "../../src/agent/agent.ts";
import type { BundleLoads } from "../../src/agent/bundles.ts";
import type { ConsoleRequest } from "../../src/agent/consoles.ts";
import type { DiskFate } from "../../src/agent/disk/discard.ts";
import { type AllocationFiles, allocationFiles } from "../../src/agent/files.ts";
import type { GarbageOutcome } from "../../src/agent/garbage/outcome.ts";
import type { Images } from "../../src/agent/images.ts";
import type { JobPlan } from "../../src/agent/plan/plan-job.ts";
import type { StopOptions } from "../../src/agent/stop.ts";
import { type Clock, systemClock } from "../../src/base/clock.ts";
import { AppError } from "../../src/base/errors.ts";
import { newId } from "../../src/base/ids.ts";
import type { Viewer } from "../../src/console/seat.ts";
import { createChangeSignal } from "../../src/events/bus.ts";
import { createFeed, type Feed } from "../../src/events/feed.ts";
import type { Job } from "../../src/job/job.ts";
import { changeDrain, type Drain, NO_DRAIN } from "../../src/node/drain.ts";
import type { Evaluation } from "../../src/state/records.ts";
import type { Written } from "../../src/state/written.ts";
import { bundlesOf, imagesOf } from "./cache-uses.ts";
import { createFakeLog, type FakeLog } from "./fake-log.ts";
import { emptyShelf, forgetJob, putRecord, readings, type ShelfRecord } from "./fake-shelf.ts";
import { allocation, evaluation, HOST_USAGE, jobRecord, NODE } from "./records.ts";
import { fakeTokens } from "./token-book.ts";

type Looked = ReturnType<Agent["validateJob"]>;

/** An `Agent` over records in memory that starts no machine; what it was asked to do is written down. */
export interface FakeAgent extends Agent {
  readonly registered: {
    readonly job: Job;
    readonly submission: Submission | null;
    readonly enforceIndex: number | undefined;
  }[];
  readonly deregistered: ({ readonly id: string } & DeregisterOptions)[];
  readonly stopped: ({ readonly id: string } & StopOptions)[];
  /** Restarts, signals and power, one line each. */
  readonly told: string[];
  /** Adds or replaces a record. */
  put(record: ShelfRecord): void;
  /** Forgets a job with its versions, as a purge does. */
  forget(jobId: string): void;
  /** What `validateJob` gives and `registerJob` warns of. */
  looked: Looked;
  /** What `planJob` gives. */
  planned: JobPlan;
  /** What `disksAtStake` gives. */
  fates: readonly DiskFate[];
  /** What machines and host take. */
  measured: Measured;
  /** Thrown by the next use case that changes something. */
  failure: Error | undefined;
  readonly log: FakeLog;
  /** What garbage collection gives, and what it says of the disks of a job that is purged. */
  collected: GarbageOutcome;
  keptDisks: readonly string[];
  garbage: Agent["garbage"];
  /** The use cases of a cache that is nowhere, unless a test gives others. */
  images: Images;
  /** The same of bundles, and of the files of allocations. */
  bundles: BundleLoads;
  files: AllocationFiles;
  /** What `isEligible` gives. */
  eligible: boolean;
  /** What `drain` gives. */
  drained: Drain;
  /** What `hasLogTimes` gives. */
  logTimes: boolean;
  /** Whoever looks at the console now, what it asked for and what it typed. */
  readonly viewers: FakeSeat[];
}

export interface FakeSeat {
  readonly viewer: Viewer;
  readonly request: ConsoleRequest;
  readonly typed: Uint8Array[];
}

/** An agent that knows nothing yet, whose tokens go by `clock`; its index begins at 20, above the records of `records.ts`. */
export function createFakeAgent(clock: Clock = systemClock): FakeAgent {
  const shelf = emptyShelf();
  const changes = createChangeSignal(20);
  const log = createFakeLog();
  const feed: Feed<Written> = createFeed();
  const agent: FakeAgent = {
    node: NODE,
    changes,
    feed,
    images: imagesOf("/nonexistent", () => agent),
    bundles: bundlesOf("/nonexistent", null),
    tokens: fakeTokens(changes, clock),
    files: allocationFiles({ dirs: { dataDir: "/nonexistent", runDir: "/nonexistent" } }, (id) => agent.allocation(id)),
    garbage: {
      collect: async ({ discard }) => {
        agent.told.push(`gc discard=${discard}`);
        return agent.collected;
      },
      collectOne: async (id, { discard }) => {
        tellGarbage(agent, id, discard);
        return agent.collected;
      },
      tellDisks: async () => agent.keptDisks,
    },
    collected: { removed: [], kept: [], jobs: 0, evaluations: 0, troubles: [] },
    keptDisks: [],
    registered: [],
    deregistered: [],
    stopped: [],
    told: [],
    looked: { warnings: [], verdicts: [], uncached: [] },
    fates: [],
    planned: { previous: undefined, groups: [], refused: [], failures: [], findings: [], warnings: [] },
    failure: undefined,
    measured: {
      machines: [],
      host: HOST_USAGE,
      states: new Map(),
      counts: { ends: new Map(), stops: new Map(), events: new Map(), restarts: 0 },
    },
    log,
    viewers: [],
    openConsole: (_id, _task, request) => {
      if (agent.failure) throw agent.failure;
      return (viewer) => {
        const seat: FakeSeat = { viewer, request, typed: [] };
        agent.viewers.push(seat);
        return {
          input: (data) => void seat.typed.push(data),
          drained: () => undefined,
          leave: () => void agent.viewers.splice(agent.viewers.indexOf(seat), 1),
        };
      };
    },
    ...readings(shelf),
    put: (record) => putRecord(shelf, { changes, feed }, record),
    forget: (jobId) => forgetJob(shelf, jobId),
    validateJob: () => agent.looked,
    disksAtStake: async () => agent.fates,
    planJob: async () => agent.planned,
    registerJob: async (job, submission, { enforceIndex }) => {
      if (agent.failure) throw agent.failure;
      if (enforceIndex === 0 && shelf.jobs.has(job.id)) throw new AppError("conflict", "job exists");
      agent.registered.push({ job, submission, enforceIndex });
      const index = changes.index + 1;
      const made = evaluation({ id: newId(), jobId: job.id, createIndex: index, modifyIndex: index });
      const record = jobRecord({ job, submission, createIndex: index, modifyIndex: index, jobModifyIndex: index });
      const placed = allocation({
        id: newId(),
        jobId: job.id,
        evalId: made.id,
        createIndex: index,
        modifyIndex: index,
      });
      agent.put({ job: record, evaluation: made, allocation: placed });
      return { evaluation: made, job: record, ...agent.looked };
    },
    deregisterJob: async (id, options) => {
      const record = agent.job(id);
      agent.deregistered.push({ id, ...options });
      return decide(agent, { job: { ...record, stop: true } }, { jobId: id, triggeredBy: "job-deregister" });
    },
    isEligible: () => agent.eligible,
    setEligible: async (eligible) => {
      agent.eligible = eligible;
      return changes.bump();
    },
    eligible: true,
    drain: () => agent.drained,
    setDrain: async (request) => {
      agent.drained = changeDrain(agent.drained, request, { now: clock.now(), bootId: "" });
      agent.eligible = request.spec === null ? agent.eligible || request.markEligible : false;
      return changes.bump();
    },
    drained: NO_DRAIN,
    evaluateJob: async (id) => {
      agent.told.push(`evaluate ${agent.job(id).job.id}`);
      return decide(agent, {}, { jobId: id });
    },
    stopAllocation: async (id, options) => {
      const { jobId } = agent.allocation(id);
      agent.stopped.push({ id, ...options });
      return decide(agent, {}, { jobId, triggeredBy: "alloc-stop" });
    },
    ...commands(() => agent),
    allocationUsage: async (id, { detail }) => {
      const found = agent.measured.machines.filter((one) => one.allocation.id === agent.allocation(id).id);
      return detail ? found : found.map((one) => ({ ...one, detail: null }));
    },
    hostUsage: async () => agent.measured.host,
    measure: async () => agent.measured,
    readLog: (_id, _task, options) => log.read(options),
    hasLogTimes: () => agent.logTimes,
    logTimes: true,
  };
  return agent;
}

function tellGarbage(agent: FakeAgent, id: string, discard: boolean): void {
  agent.allocation(id);
  agent.told.push(`gc ${id} discard=${discard}`);
}

function commands(self: () => FakeAgent) {
  const tell = (id: string, what: string): void => {
    const agent = self();
    agent.allocation(id);
    if (agent.failure) throw agent.failure;
    agent.told.push(what);
  };
  return {
    restartAllocation: async (id: string, task: string) => tell(id, `restart ${task || "all"}`),
    signalAllocation: async (id: string, task: string, signal: string) => tell(id, `${signal} to ${task || "all"}`),
    powerMachine: async (id: string, task: string, action: string) => {
      tell(id, `${action} ${task}`);
      return { guest: action === "pause" ? "paused" : "running", message: `did ${action}` };
    },
  };
}

function decide(agent: FakeAgent, record: ShelfRecord, change: Partial<Evaluation>): Evaluation {
  if (agent.failure) throw agent.failure;
  const index = agent.changes.index + 1;
  const made = evaluation({ id: newId(), createIndex: index, modifyIndex: index, ...change });
  agent.put({ ...record, evaluation: made });
  return made;
}
