import type { Agent, DeregisterOptions, Measured, Submission } from "../../src/agent/agent.ts";
import { type BundleLoads, bundleLoads } from "../../src/agent/bundles.ts";
import type { ConsoleRequest } from "../../src/agent/consoles.ts";
import type { DiskFate } from "../../src/agent/disk/discard.ts";
import type { GarbageOutcome } from "../../src/agent/garbage/outcome.ts";
import { type Images, imageUseCases } from "../../src/agent/images.ts";
import type { StopOptions } from "../../src/agent/stop.ts";
import type { Why } from "../../src/agent/why.ts";
import type { Allocation } from "../../src/allocation/allocation.ts";
import type { PostMortem } from "../../src/allocation/post-mortem.ts";
import { type Clock, systemClock } from "../../src/base/clock.ts";
import { AppError } from "../../src/base/errors.ts";
import { newId } from "../../src/base/ids.ts";
import { silentLog } from "../../src/base/log.ts";
import type { Viewer } from "../../src/console/seat.ts";
import { type ChangeSignal, createChangeSignal } from "../../src/events/bus.ts";
import type { Job } from "../../src/job/job.ts";
import type { LogChunk } from "../../src/logs/chunk.ts";
import type { LaunchPlan } from "../../src/qemu/launch.ts";
import type { Evaluation, JobRecord } from "../../src/state/records.ts";
import type { AllocationFilter } from "../../src/state/store.ts";
import { allocation, evaluation, HOST_USAGE, jobRecord, NODE } from "./records.ts";
import { testSources } from "./sources.ts";

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
  put(record: {
    job?: JobRecord;
    allocation?: Allocation;
    evaluation?: Evaluation;
    plan?: LaunchPlan;
    /** Newest first. */
    ends?: readonly PostMortem[];
  }): void;
  /** Forgets a job with its versions, as a purge does. */
  forget(jobId: string): void;
  /** What `validateJob` gives and `registerJob` warns of. */
  looked: Looked;
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
  /** The same of bundles. */
  bundles: BundleLoads;
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

/** The one log of a fake agent. */
export interface FakeLog {
  append(data: string | Uint8Array): void;
  /** The task is dead: followers end. */
  end(): void;
  /** Thrown to whoever reads next. */
  fail(error: Error): void;
  /** How many read it just now. */
  readonly readers: number;
  /** Bytes that readers have asked for and got, all together. */
  readonly taken: number;
  /** Options of every reading so far. */
  readonly asked: Parameters<Agent["readLog"]>[2][];
}

interface Shelf {
  readonly jobs: Map<string, JobRecord>;
  readonly versions: Map<string, Job>;
  readonly allocations: Map<string, Allocation>;
  readonly evaluations: Map<string, Evaluation>;
  readonly listeners: ((allocationId: string) => void)[];
  plan: LaunchPlan | undefined;
  ends: readonly PostMortem[];
}

/** An agent that knows nothing yet; its index begins at 20, above the records of `records.ts`. */
export function createFakeAgent(): FakeAgent {
  const shelf: Shelf = {
    jobs: new Map(),
    versions: new Map(),
    allocations: new Map(),
    evaluations: new Map(),
    listeners: [],
    plan: undefined,
    ends: [],
  };
  const changes = createChangeSignal(20);
  const log = createFakeLog();
  const agent: FakeAgent = {
    node: NODE,
    changes,
    images: imagesOf("/nonexistent", () => agent),
    bundles: bundlesOf("/nonexistent", null),
    garbage: {
      collect: async ({ discard }) => {
        agent.told.push(`gc discard=${discard}`);
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
    put: (record) => putRecord(shelf, changes, record),
    forget: (jobId) => {
      shelf.jobs.delete(jobId);
      for (const key of shelf.versions.keys()) if (key.startsWith(`${jobId}@`)) shelf.versions.delete(key);
    },
    validateJob: () => agent.looked,
    disksAtStake: async () => agent.fates,
    registerJob: async (job, submission, { enforceIndex }) => {
      if (agent.failure) throw agent.failure;
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

/** The real loading of bundles into the cache below a directory. */
export function bundlesOf(dataDir: string, trustedKeys: string | null, clock: Clock = systemClock): BundleLoads {
  return bundleLoads({
    dirs: { dataDir, runDir: dataDir },
    site: { offline: true, trustedKeys },
    cacheKeeper: { grown: () => undefined },
    clock,
    log: silentLog,
  });
}

/** The real use cases over the cache below a directory. @param agent knows the allocations that use it. */
export function imagesOf(dataDir: string, agent: () => FakeAgent): Images {
  const allocation = (id: string): Allocation | undefined => agent().allocations({ prefix: id })[0];
  const dirs = { dataDir, runDir: dataDir };
  return imageUseCases({
    dirs,
    store: { allocation },
    sources: testSources(dirs),
    site: { offline: false, trustedKeys: null },
    cacheKeeper: { grown: () => undefined },
    clock: systemClock,
    log: silentLog,
  });
}

/** The one service of every allocation. */
const SERVICE = {
  id: "_nomad-task-web",
  name: "web",
  provider: "nomad",
  tags: ["b", "a"],
  address: "192.0.2.7",
  port: 25_001,
} as const;
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

function readings(shelf: Shelf) {
  return {
    jobs: (prefix: string) => [...shelf.jobs.values()].filter(({ job }) => job.id.startsWith(prefix)),
    job: (id: string) => found(shelf.jobs.get(id), "job not found"),
    allocations: (filter: AllocationFilter) => chosenOf(shelf, filter),
    allocationIds: (filter: AllocationFilter) => chosenOf(shelf, filter).map(({ id }) => id),
    whenWritten: (listener: (allocationId: string) => void) => void shelf.listeners.push(listener),
    allocation: (id: string) => found(shelf.allocations.get(id), `alloc not found: ${id}`),
    allocationJob: ({ jobId, jobVersion }: Allocation) =>
      found(shelf.versions.get(`${jobId}@${jobVersion}`), `job "${jobId}" has no version ${jobVersion}`),
    evaluations: ({ jobId }: { readonly jobId?: string }) =>
      [...shelf.evaluations.values()].filter((entry) => jobId === undefined || entry.jobId === jobId),
    evaluation: (id: string) => found(shelf.evaluations.get(id), "eval not found"),
    checks: (id: string) => found(shelf.allocations.get(id), `alloc not found: ${id}`).checks ?? [],
    services: ({ name }: { readonly name?: string }) =>
      [...shelf.allocations.values()]
        .map((placed) => ({ ...SERVICE, allocation: placed }))
        .filter((service) => (name ?? service.name) === service.name),
    launchPlan: () => found(shelf.plan, "the task was not started yet"),
    why: (id: string, name: string, generation?: number): Why => {
      const placed = found(shelf.allocations.get(id), `alloc not found: ${id}`);
      const { ends } = shelf;
      const asked = ends.find((end) => end.generation === generation);
      return {
        allocation: placed,
        name,
        task: found(placed.tasks[name], "task not found"),
        ends,
        end: generation === undefined ? (ends[0] ?? null) : found(asked, `the end of start ${generation} is not known`),
        plan: shelf.plan ?? null,
        history: placed.tasks[name]?.events ?? [],
        artifacts: [{ source: "https://***@example.org/a.img", destination: "local/", checksum: "sha256:00" }],
      };
    },
    journal: async () => Buffer.from('{"QMP":{}}\n'),
  };
}

function chosenOf(shelf: Shelf, { prefix = "", jobId }: AllocationFilter): Allocation[] {
  return [...shelf.allocations.values()].filter(
    (entry) => entry.id.startsWith(prefix) && (jobId === undefined || entry.jobId === jobId),
  );
}

function putRecord(shelf: Shelf, changes: ChangeSignal, record: Parameters<FakeAgent["put"]>[0]): void {
  if (record.job) {
    shelf.jobs.set(record.job.job.id, record.job);
    shelf.versions.set(`${record.job.job.id}@${record.job.version}`, record.job.job);
  }
  if (record.allocation) {
    shelf.allocations.set(record.allocation.id, record.allocation);
    for (const tell of shelf.listeners) tell(record.allocation.id);
  }
  if (record.evaluation) shelf.evaluations.set(record.evaluation.id, record.evaluation);
  if (record.plan) shelf.plan = record.plan;
  if (record.ends) shelf.ends = record.ends;
  changes.bump();
}

function decide(agent: FakeAgent, record: Parameters<FakeAgent["put"]>[0], change: Partial<Evaluation>): Evaluation {
  if (agent.failure) throw agent.failure;
  const index = agent.changes.index + 1;
  const made = evaluation({ id: newId(), createIndex: index, modifyIndex: index, ...change });
  agent.put({ ...record, evaluation: made });
  return made;
}

function found<T>(value: T | undefined, message: string): T {
  if (value === undefined) throw new AppError("not_found", message);
  return value;
}

const FILE = "alloc/logs/vm.stdout.0";

function createFakeLog() {
  const pieces: Uint8Array[] = [];
  const asked: FakeLog["asked"] = [];
  const change = createChangeSignal(1);
  let [readers, taken, over, failure] = [0, 0, false, undefined as Error | undefined];
  return {
    asked,
    append: (data: string | Uint8Array) => {
      pieces.push(typeof data === "string" ? new TextEncoder().encode(data) : data);
      change.bump();
    },
    end: () => {
      over = true;
      change.bump();
    },
    fail: (error: Error) => {
      failure = error;
      change.bump();
    },
    get readers() {
      return readers;
    },
    get taken() {
      return taken;
    },
    async *read(options: FakeLog["asked"][number]): AsyncGenerator<LogChunk> {
      asked.push(options);
      readers++;
      try {
        let offset = 0;
        for (let next = 0; ; ) {
          const seen = change.index;
          if (failure) throw failure;
          const data = pieces[next];
          if (data !== undefined) {
            taken += data.length;
            yield { file: FILE, offset, data };
            offset += data.length;
            next++;
          } else if (!options.follow || over || options.signal.aborted) return;
          else await change.waitAbove(seen, options.signal);
        }
      } finally {
        readers--;
      }
    },
  };
}
