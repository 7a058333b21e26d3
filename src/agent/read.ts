import { type Allocation, clientStatus, isTerminal } from "../allocation/allocation.ts";
import { newCheck } from "../allocation/check.ts";
import { AppError } from "../base/errors.ts";
import { isIdPrefix, shortId } from "../base/ids.ts";
import { utcTime } from "../base/units.ts";
import type { Job } from "../job/job.ts";
import type { JobRecord } from "../state/records.ts";
import type { Agent } from "./agent.ts";
import type { AgentContext } from "./context.ts";
import { requireTask } from "./operate.ts";
import { drainOf, isEligible } from "./place/eligibility.ts";
import { checkSpecsOf, servicesOf } from "./services.ts";
import { readJournal, tellWhy } from "./why.ts";

/** Finds records by their ids. Each throws AppError `not_found`. */
export interface Records {
  job(id: string): JobRecord;
  /** As it is now, with what is known only while the agent runs. */
  allocation(id: string): Allocation;
  /** The version of the job that an allocation was placed for. */
  allocationJob(allocation: Allocation): Job;
  /** The same by the allocation's id. */
  jobOf(id: string): Job;
}

/** The records of this agent. */
export function lookUp({ store, supervisor }: Pick<AgentContext, "store" | "supervisor">): Records {
  const job = (id: string): JobRecord => found(store.job(id), "job not found");
  const allocation = (id: string): Allocation =>
    supervisor.live(id) ?? found(store.allocation(id), `alloc not found: ${id}`, () => hintOfRemoved(store, id));
  const jobOf = (id: string): Job => allocationJob(allocation(id));
  const allocationJob = ({ jobId, jobVersion }: Allocation): Job =>
    found(store.jobVersion(jobId, jobVersion), `job "${jobId}" has no version ${jobVersion}`).job;
  return { job, allocation, allocationJob, jobOf };
}

type Reading = Pick<
  Agent,
  | "changes"
  | "feed"
  | "isEligible"
  | "drain"
  | "jobs"
  | "job"
  | "jobVersions"
  | "allocations"
  | "allocationIds"
  | "whenWritten"
  | "allocation"
  | "allocationJob"
  | "checks"
  | "services"
  | "allocationServices"
  | "evaluations"
  | "evaluation"
  | "launchPlan"
  | "why"
  | "journal"
>;

/** The use cases that change nothing. */
export function readRecords(context: AgentContext, records: Records): Reading {
  const { store, supervisor, recorder } = context;
  const { allocation } = records;
  return {
    changes: recorder.changes,
    feed: recorder.feed,
    isEligible: () => isEligible(context),
    drain: () => drainOf(context),
    jobs: (prefix) => store.jobs(prefix),
    job: records.job,
    jobVersions: (id) => {
      const { createIndex } = found(store.job(id), "job versions not found");
      // One of that name that was purged was another job.
      return store.jobVersions(id).filter((version) => version.createIndex === createIndex);
    },
    allocations: (filter) => store.allocations(filter).map((stored) => supervisor.live(stored.id) ?? stored),
    allocationIds: (filter) => store.allocationIds(filter),
    whenWritten: (listener) => store.whenWritten(listener),
    allocation,
    allocationJob: records.allocationJob,
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
    allocationServices: (placed) =>
      store.jobVersion(placed.jobId, placed.jobVersion) === undefined
        ? []
        : servicesOf(context, placed).filter(({ provider }) => provider === "nomad"),
    evaluations: (filter) => store.evaluations(filter),
    evaluation: (id) => found(store.evaluation(id), "eval not found"),
    launchPlan: (allocationId, task) => {
      requireTask(allocation(allocationId), task);
      return found(
        store.lastLaunch(allocationId, task),
        `task "${task}" of ${shortId(allocationId)} was not started yet`,
      );
    },
    why: (allocationId, name, generation) => {
      const placed = allocation(allocationId);
      const task = requireTask(placed, name);
      const version = store.jobVersion(placed.jobId, placed.jobVersion);
      return tellWhy(context, { allocation: placed, name, task }, version?.job, generation);
    },
    journal: async (allocationId, task, generation) => {
      requireTask(allocation(allocationId), task);
      return await readJournal(context, allocationId, task, generation);
    },
  };
}

function found<T>(value: T | undefined, message: string, hint: () => string | undefined = () => undefined): T {
  if (value === undefined) throw new AppError("not_found", message, { hint: hint() });
  return value;
}

/** What became of an allocation that garbage collection removed. @param id or its beginning. */
function hintOfRemoved(store: Pick<AgentContext["store"], "collections">, id: string): string | undefined {
  const [removed, other] = isIdPrefix(id) && id !== "" ? store.collections(id.toLowerCase()) : [];
  if (removed === undefined || other !== undefined) return undefined;
  const { jobId, reason, begunAt, endedAt } = removed;
  const times = `ended ${utcTime(endedAt)} and was removed ${utcTime(begunAt)}`;
  return `it was of job "${jobId}", ${times} by garbage collection (${reason})`;
}
