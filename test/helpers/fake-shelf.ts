import type { Why } from "../../src/agent/why.ts";
import type { Allocation } from "../../src/allocation/allocation.ts";
import type { PostMortem } from "../../src/allocation/post-mortem.ts";
import { AppError } from "../../src/base/errors.ts";
import type { ChangeSignal } from "../../src/events/bus.ts";
import type { Feed } from "../../src/events/feed.ts";
import type { Job } from "../../src/job/job.ts";
import type { LaunchPlan } from "../../src/qemu/launch.ts";
import type { Evaluation, JobRecord } from "../../src/state/records.ts";
import type { AllocationFilter } from "../../src/state/store.ts";
import type { Written } from "../../src/state/written.ts";

/** What a fake agent knows. */
export interface Shelf {
  readonly jobs: Map<string, JobRecord>;
  readonly versions: Map<string, Job>;
  readonly allocations: Map<string, Allocation>;
  readonly evaluations: Map<string, Evaluation>;
  readonly listeners: ((allocationId: string) => void)[];
  plan: LaunchPlan | undefined;
  ends: readonly PostMortem[];
}

/** What can be put on a shelf. */
export interface ShelfRecord {
  readonly job?: JobRecord;
  readonly allocation?: Allocation;
  readonly evaluation?: Evaluation;
  readonly plan?: LaunchPlan;
  /** Newest first. */
  readonly ends?: readonly PostMortem[];
}

export function emptyShelf(): Shelf {
  return {
    jobs: new Map(),
    versions: new Map(),
    allocations: new Map(),
    evaluations: new Map(),
    listeners: [],
    plan: undefined,
    ends: [],
  };
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

/** What is asked of an agent and changes nothing. */
export function readings(shelf: Shelf) {
  return {
    jobs: (prefix: string) => [...shelf.jobs.values()].filter(({ job }) => job.id.startsWith(prefix)),
    job: (id: string) => found(shelf.jobs.get(id), "job not found"),
    jobVersions: (id: string) => {
      const newest = found(shelf.jobs.get(id), "job versions not found");
      return [...shelf.versions]
        .filter(([key]) => key.startsWith(`${id}@`))
        .map(([key, job]) => ({ ...newest, job, version: Number(key.slice(id.length + 1)) }))
        .sort((one, other) => other.version - one.version);
    },
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
    allocationServices: (placed: Allocation) => [{ ...SERVICE, allocation: placed }],
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

export function putRecord(
  shelf: Shelf,
  { changes, feed }: { readonly changes: ChangeSignal; readonly feed: Feed<Written> },
  record: ShelfRecord,
): void {
  const entries = writtenOf(shelf, record);
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
  if (entries.length > 0) feed.add({ index: changes.index + 1, entries }, 1);
  changes.bump();
}

/** What a feed tells of a record that is put now. */
function writtenOf(shelf: Shelf, { job, evaluation, allocation }: ShelfRecord): Written[] {
  return [
    ...(job ? [{ kind: "job" as const, record: job, purged: false }] : []),
    ...(evaluation ? [{ kind: "evaluation" as const, evaluation }] : []),
    ...(allocation ? [{ kind: "allocation" as const, allocation, before: shelf.allocations.get(allocation.id) }] : []),
  ];
}

/** Forgets a job with its versions. */
export function forgetJob(shelf: Shelf, jobId: string): void {
  shelf.jobs.delete(jobId);
  for (const key of shelf.versions.keys()) if (key.startsWith(`${jobId}@`)) shelf.versions.delete(key);
}

function found<T>(value: T | undefined, message: string): T {
  if (value === undefined) throw new AppError("not_found", message);
  return value;
}
