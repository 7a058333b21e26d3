import type { Amounts } from "../node/node.ts";
import type { MachineUser } from "../node/users.ts";
import { type CheckReport, healthOf } from "./check.ts";
import type { MachineState } from "./machine.ts";
import type { Place } from "./place.ts";
import type { RestartWindow } from "./restart.ts";
import type { TaskEvent } from "./task-event.ts";

/** A host port given to an allocation for its life. */
export interface AssignedPort {
  readonly label: string;
  /** 1 to 65535. */
  readonly hostPort: number;
  /** Guest port from `to`: 0 when unset. */
  readonly to: number;
  /** Address to bind, "" for every address. */
  readonly hostAddress: string;
  readonly static: boolean;
}

/** By what clock the times of a record are meant. */
export interface ClockMark {
  readonly bootId: string;
  /** What the host's clock showed when the host was started, by its clock at that moment; milliseconds since 1970. */
  readonly offset: number;
}

/** One placed copy of a group, as the store has it. It ends once and is never reused. */
export interface Allocation extends Place {
  readonly id: string;
  /** Nomad's form `job.group[index]`. */
  readonly name: string;
  readonly jobId: string;
  readonly jobVersion: number;
  readonly evalId: string;
  /** The allocation whose place it took, whose disk it may have; undefined for a place's first, and in records of before. */
  readonly previousAllocation?: string | undefined;
  /** Ids of allocations that have to end before it begins: it has their room. Undefined in records of before, where all older ones of its job had to. */
  readonly waitsFor?: readonly string[] | undefined;
  readonly nodeId: string;
  readonly desired: "run" | "stop";
  /** Why it is to stop, for people; "" while it is to run. */
  readonly desiredDescription: string;
  readonly ports: readonly AssignedPort[];
  /** What it takes of the host until it ended; undefined in records of an agent that did not count. */
  readonly resources?: Amounts | undefined;
  readonly tasks: Readonly<Record<string, TaskRecord>>;
  /** Milliseconds since 1970. */
  readonly createTime: number;
  readonly modifyTime: number;
  readonly createIndex: number;
  readonly modifyIndex: number;
  /** Tells whether the host's clock was set meanwhile; undefined in records of before. */
  readonly clock?: ClockMark | undefined;
  /** What is known of the checks of its machines; only while they run, not kept over an agent's restart. */
  readonly checks?: readonly CheckReport[] | undefined;
}

/** One task of an allocation: a virtual machine and what happened to it. */
export interface TaskRecord {
  readonly machine: MachineState;
  /** The last ten, oldest first; the whole history is in the store. */
  readonly events: readonly TaskEvent[];
  readonly restarts: number;
  /** The restarts that its policy counts; null before the first. */
  readonly window: RestartWindow | null;
  /** True once its artifacts are there: a disk that a guest wrote to is never fetched over. */
  readonly fetched: boolean;
  /**
   * What its machine runs as or will: nobody else's while the allocation lives. null is the agent's own user, and so is its absence
   * in records of agents that knew no other.
   */
  readonly user?: MachineUser | null;
  /** Milliseconds since 1970; 0 before. */
  readonly lastRestart: number;
  readonly startedAt: number;
  /** Of its first start; undefined before, and in records of agents that did not keep it. */
  readonly firstStart?: number | undefined;
  readonly finishedAt: number;
  /** Progress of what is being fetched, for people who wait; not kept over an agent's restart. */
  readonly progress?: FetchProgress | undefined;
}

export interface FetchProgress {
  /** Without user info and query secrets. */
  readonly source: string;
  readonly bytes: number;
  /** null when the server does not say. */
  readonly total: number | null;
  /** Bytes a second. */
  readonly rate: number;
}

export type ClientStatus = "pending" | "running" | "complete" | "failed" | "lost";

/** Nomad's task states. */
export type TaskState = "pending" | "running" | "dead";

export function taskState(machine: MachineState): TaskState {
  switch (machine.kind) {
    case "pending":
    case "preparing":
    case "starting":
    case "backoff":
      return "pending";
    case "running":
      return hasAnswered(machine) ? "running" : "pending";
    case "stopping":
      return "running";
    case "ended":
      return "dead";
  }
}

/** A machine runs once QEMU has answered: before that it may still refuse its command line. */
export function hasAnswered(machine: Extract<MachineState, { kind: "running" }>): boolean {
  return machine.guest !== "unknown" || machine.adopted;
}

/** Whether a task's end counts as a failure in Nomad's sense. */
export function taskFailed(machine: MachineState): boolean {
  return machine.kind === "ended" && machine.failed;
}

/** The status of an allocation as Nomad derives it from its tasks: one that failed decides, also while others are still being stopped. */
export function clientStatus(allocation: Allocation): ClientStatus {
  const machines = Object.values(allocation.tasks).map((task) => task.machine);
  if (machines.some((machine) => machine.kind === "ended" && machine.ending.reason === "lost")) return "lost";
  if (machines.some(taskFailed)) return "failed";
  if (machines.some((machine) => taskState(machine) === "running")) return "running";
  return machines.some((machine) => machine.kind !== "ended") ? "pending" : "complete";
}

/**
 * Whether an allocation does what it is there for: its machines run, all but those that did their work, and its checks, as far as its
 * job has any that say so, succeed. A check that was not asked yet is none that succeeds.
 */
export function isUp(allocation: Allocation): boolean {
  const checks = (allocation.checks ?? []).filter(({ spec }) => spec.mode === "healthiness");
  const waits = Object.values(allocation.tasks).some(({ machine }) => taskState(machine) === "pending");
  return clientStatus(allocation) === "running" && !waits && (checks.length === 0 || healthOf(checks) === true);
}

/** True once nothing of an allocation runs or will run. */
export function isTerminal(allocation: Allocation): boolean {
  return Object.values(allocation.tasks).every((task) => task.machine.kind === "ended");
}
