import type { Allocation } from "../allocation/allocation.ts";
import type { CheckReport } from "../allocation/check.ts";
import type { Seat } from "../console/console.ts";
import type { Viewer } from "../console/seat.ts";
import type { Verdict } from "../constraint/check.ts";
import type { ChangeSignal } from "../events/bus.ts";
import type { Feed } from "../events/feed.ts";
import type { Job } from "../job/job.ts";
import type { TimedLogQuery } from "../logs/by-time.ts";
import type { LogChunk } from "../logs/chunk.ts";
import type { Drain, DrainRequest } from "../node/drain.ts";
import type { Node } from "../node/node.ts";
import type { LaunchPlan } from "../qemu/launch.ts";
import type { Evaluation, JobRecord } from "../state/records.ts";
import type { AllocationFilter } from "../state/store.ts";
import type { Written } from "../state/written.ts";
import type { HostUsage } from "../stats/usage.ts";
import type { PowerAction, PowerOutcome } from "../supervisor/operate.ts";
import type { TaskUsage, UsageReader } from "../supervisor/usage-keeper.ts";
import type { BundleLoads } from "./bundles.ts";
import type { ConsoleRequest } from "./consoles.ts";
import type { DiskFate } from "./disk/discard.ts";
import type { AllocationFiles } from "./files.ts";
import type { GarbageOutcome } from "./garbage/outcome.ts";
import type { Images } from "./images.ts";
import type { JobPlan } from "./plan/plan-job.ts";
import type { PlacedService } from "./services.ts";
import type { StopOptions } from "./stop.ts";
import type { Tokens } from "./tokens.ts";
import type { Why } from "./why.ts";

export type { Written };

/** A job as it was handed in. */
export interface Submission {
  readonly source: string;
  readonly format: "hcl2" | "json";
}

export interface Registered {
  readonly evaluation: Evaluation;
  readonly job: JobRecord;
  readonly warnings: readonly string[];
  /** What was checked, failing or not. */
  readonly verdicts: readonly Verdict[];
}

export interface DeregisterOptions extends StopOptions {
  /** Forgets the job, too. */
  readonly purge: boolean;
  /** With `purge`: its allocations are removed as soon as they have ended, with the disks that guests wrote to. */
  readonly discard?: boolean | undefined;
}

/**
 * The use cases of the daemon: the only door through which the API reaches machines and records. Every method that finds nothing
 * throws AppError `not_found` with Nomad's words where it has some.
 */
export interface Agent {
  readonly node: Node;
  /** Whether machines may be placed on the node. */
  isEligible(): boolean;
  /** Says so; those that run go on. @returns the index of the change. @throws StoreError, AppError `conflict` during a drain. */
  setEligible(eligible: boolean): Promise<number>;
  /** How the node is being emptied, and was last. */
  drain(): Drain;
  /** Begins to empty the node, changes how, or ends it. @returns the index of the change. @throws StoreError. */
  setDrain(request: DrainRequest): Promise<number>;
  /** Grows with every change of any record; blocking queries wait for it. */
  readonly changes: ChangeSignal;
  /** What the last changes were. */
  readonly feed: Feed<Written>;

  /**
   * Places a job, or lets it wait when there is no room: the record has `waiting` then, and the evaluation the reasons. The same job
   * again changes nothing; a changed one replaces its allocation.
   * @throws AppError `unplaceable` listing each failing constraint and the value found; `conflict`, `invalid`.
   */
  registerJob(
    job: Job,
    submission: Submission | null,
    options: { readonly enforceIndex?: number | undefined },
  ): Promise<Registered>;
  /**
   * Warnings and verdicts of a job without placing it; `uncached` is what it fetches that an agent without a network does not have, a
   * line each.
   */
  validateJob(job: Job): {
    readonly warnings: readonly string[];
    readonly verdicts: readonly Verdict[];
    readonly uncached: readonly string[];
  };
  /** What `registerJob` would do with a job now, and what the job would meet; nothing is changed. */
  planJob(job: Job): Promise<JobPlan>;
  /** What becomes of the disks of allocations whose place a job takes, if it is registered now. */
  disksAtStake(job: Job): Promise<readonly DiskFate[]>;
  /** Stops a job; its record stays unless `purge`. A stop that is under way is made harder by `force`. */
  deregisterJob(id: string, options: DeregisterOptions): Promise<Evaluation>;
  /**
   * Looks again whether what waits of a job can be placed; machines that have ended stay so.
   * @throws AppError `conflict` for a job that was stopped.
   */
  evaluateJob(id: string): Promise<Evaluation>;
  jobs(prefix: string): readonly JobRecord[];
  job(id: string): JobRecord;
  /** A job as it was after each of its changes, as far as they are remembered; newest first. */
  jobVersions(id: string): readonly JobRecord[];

  allocations(filter: AllocationFilter): readonly Allocation[];
  /** The ids of `allocations`, which costs next to nothing. */
  allocationIds(filter: AllocationFilter): readonly string[];
  /** Calls a listener with the id of each allocation whose record was written: what was made of it before is old then. */
  whenWritten(listener: (allocationId: string) => void): void;
  allocation(id: string): Allocation;
  /** The job as it was when this allocation was placed. */
  allocationJob(allocation: Allocation): Job;
  stopAllocation(id: string, options: StopOptions): Promise<Evaluation>;
  /**
   * Stops machines by their ladder and starts them again in place, uncounted by the restart policy.
   * @param task "" for every task.
   * @throws AppError `conflict` for a machine that has ended or is to end.
   */
  restartAllocation(id: string, task: string): Promise<void>;
  /**
   * Sends a signal to QEMU.
   * @param task "" for every task.
   * @throws AppError `invalid` for a signal that means nothing to a machine, `conflict` for a machine that does not run.
   */
  signalAllocation(id: string, task: string, signal: string): Promise<void>;
  /** Presses, resets, pauses or resumes a machine. @throws AppError `conflict` when it does not run or QEMU refuses. */
  powerMachine(allocationId: string, task: string, action: PowerAction): Promise<PowerOutcome>;

  /** What is known of each check of an allocation that has not ended; pending while its machine does not run. */
  checks(allocationId: string): readonly CheckReport[];
  /** The services of provider nomad whose machines run. */
  services(filter: {
    readonly jobId?: string;
    readonly allocationId?: string;
    readonly name?: string;
  }): readonly PlacedService[];

  /** The services of provider nomad that an allocation has while it runs; none once its job was forgotten. */
  allocationServices(allocation: Allocation): readonly PlacedService[];

  /** What was fetched once for all jobs. */
  readonly images: Images;
  /** What comes in without a network. */
  readonly bundles: BundleLoads;
  /** Who may use the API from elsewhere than the unix socket. */
  readonly tokens: Tokens;
  readonly files: AllocationFiles;

  readonly garbage: {
    /**
     * Removes everything that has ended and may go, whether or not it is in anybody's way; resolves when it is gone.
     * @param discard disks that are kept for a while go too.
     */
    collect(options: { readonly discard: boolean }): Promise<GarbageOutcome>;
    /** The same of one allocation. @throws AppError `conflict` that says why it stays, `not_found`. */
    collectOne(allocationId: string, options: { readonly discard: boolean }): Promise<GarbageOutcome>;
    /** What becomes of the disks of a job that is purged, for people. */
    tellDisks(jobId: string, options: { readonly discard: boolean }): Promise<readonly string[]>;
  };

  evaluations(filter: { readonly jobId?: string }): readonly Evaluation[];
  evaluation(id: string): Evaluation;

  /** What the machines of an allocation take now; those without a process are left out. @param detail what costs more to find out too. */
  allocationUsage(id: string, options: { readonly detail: boolean }): Promise<readonly TaskUsage[]>;
  hostUsage(): Promise<HostUsage>;
  /** What all machines take now, their states, and what has happened to them since this agent was started. */
  measure(): Promise<Measured>;

  /** The command line of a machine's last start, word by word. */
  launchPlan(allocationId: string, task: string): LaunchPlan;
  /**
   * What became of a machine: one of its last ends with everything known of it.
   * @param generation which start; the newest that has ended unless told.
   * @throws AppError `not_found` when the end of that start is not among those that are kept.
   */
  why(allocationId: string, task: string, generation?: number): Why;
  /** The raw journal of a start, its last part when it is long; empty when there is none any more. */
  journal(allocationId: string, task: string, generation: number): Promise<Uint8Array>;
  /**
   * A log of a task.
   * @param origin offset counts from the start or back from the end of all its files together, in bytes; with `file`, as a
   * chunk names it, from the start of that file.
   * @param since, until only what was written then, and at most some seconds more, in milliseconds since 1970.
   * @param timestamps every chunk says when it was written.
   * @returns chunks as they come; ends at the end of the log unless `follow`, and then when the task is dead or `signal` aborts.
   */
  readLog(allocationId: string, task: string, options: Omit<TimedLogQuery, "end">): AsyncIterable<LogChunk>;
  /** Whether it was kept when a log was written; without that its times are those of its files. */
  hasLogTimes(allocationId: string, task: string, type: "stdout" | "stderr"): boolean;
  /** The serial console of a machine. @returns a function that lets a viewer in. @throws AppError as `Consoles.open` does. */
  openConsole(allocationId: string, task: string, request: ConsoleRequest): (viewer: Viewer) => Seat;
}

export interface Measured {
  readonly machines: readonly TaskUsage[];
  readonly host: HostUsage;
  readonly states: ReturnType<UsageReader["states"]>;
  readonly counts: ReturnType<UsageReader["counts"]>;
}
