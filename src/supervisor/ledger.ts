import { release } from "node:os";
import type { Allocation, TaskRecord } from "../allocation/allocation.ts";
import type { Ending } from "../allocation/ending.ts";
import type { MachineEvent, MachineState } from "../allocation/machine.ts";
import { isRestart } from "../allocation/order.ts";
import { postMortemOf } from "../allocation/post-mortem.ts";
import { decideRestart, type RestartDecision, type RestartRule } from "../allocation/restart.ts";
import { shiftTimes } from "../allocation/shift.ts";
import { appendEvent, type TaskEvent } from "../allocation/task-event.ts";
import type { Clock } from "../base/clock.ts";
import type { MachineUser } from "../node/users.ts";
import type { LaunchPlan } from "../qemu/launch.ts";
import { build } from "../runtime/build.ts";
import { type Recorder, StoreError } from "../state/recorder.ts";
import type { Store } from "../state/store.ts";
import type { Tally } from "./tally.ts";

/**
 * A clock that was set by less is put up with, in milliseconds: it costs a stop no more than that, and a process that was held up between
 * two looks at two clocks seems to have found one that was set.
 */
const JUMP = 1_000;

export interface LedgerContext {
  readonly bootId: string;
  readonly store: Store;
  readonly recorder: Recorder;
  readonly clock: Clock;
  readonly tally: Tally;
  /** The restart policy of a task. */
  readonly ruleOf: (allocation: Allocation, task: string) => RestartRule;
}

/** What an update in place changes of an allocation's record. */
export type VersionChange = Pick<Allocation, "jobVersion" | "evalId" | "modifyIndex" | "modifyTime">;

/** The record of one allocation: what it is now, and every change of it on disk before anybody acts on it. */
export class Ledger {
  #allocation: Allocation;
  readonly #context: LedgerContext;

  constructor(allocation: Allocation, context: LedgerContext) {
    this.#allocation = allocation;
    this.#context = context;
    this.keepTime();
  }

  get allocation(): Allocation {
    return this.#allocation;
  }

  /**
   * Moves the record's times along when the host's clock was set since they were written, also while no agent ran: deadlines are
   * counted from them. What was moved is kept with the next change; until then the store has the old times with the old mark.
   * @returns by how much, in milliseconds; 0 as a rule.
   */
  keepTime(): number {
    const { clock, bootId } = this.#context;
    const sinceBoot = clock.sinceBoot();
    if (sinceBoot === null) return 0;
    const mark = { bootId, offset: clock.now() - sinceBoot };
    const before = this.#allocation.clock;
    // Of another boot's clock nothing is known.
    const jump = before?.bootId === bootId ? mark.offset - before.offset : 0;
    if (before?.bootId === bootId && Math.abs(jump) < JUMP) return 0;
    this.#allocation = { ...shiftTimes(this.#allocation, jump), clock: mark };
    return jump;
  }

  /** What the task's restart policy says of an end; what it counts is kept when the event that carries it is saved. */
  decide(task: string, ending: Ending, recoverable: boolean): RestartDecision {
    this.keepTime();
    const machine = this.#allocation.tasks[task]?.machine;
    const unhealthy = machine?.kind === "stopping" && machine.order.cause === "unhealthy";
    return decideRestart(this.#context.ruleOf(this.#allocation, task), {
      ending: unhealthy ? { ...ending, failed: true } : ending,
      recoverable,
      window: this.#allocation.tasks[task]?.window ?? null,
      now: this.#context.clock.now(),
      random: Math.random(),
    });
  }

  /**
   * Keeps what an event led to, and when that is an end, its post-mortem. A stop that is under way goes on also when the store takes
   * nothing: its rungs may be tried twice by the next agent, its deadline may not be missed. It is kept with the next change.
   * @param plan what is about to be launched: kept in the same transaction, for each takes the disk some time. It is on disk once
   *   `recorder.sync` says so, and nothing runs before.
   * @throws StoreError otherwise.
   */
  saveStep(
    task: string,
    event: MachineEvent,
    machine: MachineState,
    reports: readonly TaskEvent[],
    plan?: LaunchPlan,
  ): void {
    const record = this.#allocation.tasks[task];
    if (record === undefined) return;
    const { store, recorder } = this.#context;
    const { id, tasks } = this.#allocation;
    if (record.machine.kind === "pending" && machine.kind === "preparing") {
      // Nothing is lost with it: from either state the next agent prepares again. To write it costs the start a sync of the disk.
      this.#allocation = { ...this.#allocation, tasks: { ...tasks, [task]: { ...record, machine } } };
      recorder.changes.bump();
      return;
    }
    const end = postMortemOf(record.machine, event, machine, { paddock: build.version, kernel: release() });
    const next = withStep(countFor(record, event, machine), machine, reports);
    try {
      const also = (): void => {
        if (end !== null) store.putPostMortem(id, task, end);
        if (plan !== undefined && machine.kind === "starting") store.putLaunch(id, task, machine.generation, plan);
      };
      // The launch itself waits for the disk.
      const begins = record.machine.kind !== "starting" && machine.kind === "starting";
      this.#saveTask(task, next, reports, also, begins ? recorder.recordSoon : recorder.record);
    } catch (error) {
      const climbs = record.machine.kind === "stopping" && machine.kind === "stopping";
      if (!climbs || !(error instanceof StoreError)) throw error;
      this.#allocation = { ...this.#allocation, tasks: { ...tasks, [task]: next } };
    }
  }

  /** Takes over what was written together with the new version of the job. */
  setVersion(change: VersionChange): void {
    this.#allocation = { ...this.#allocation, ...change };
  }

  /** Adds to a task's history without changing its state. */
  report(task: string, event: TaskEvent): void {
    const record = this.#allocation.tasks[task];
    if (record !== undefined) this.#saveTask(task, withStep(record, record.machine, [event]), [event]);
  }

  /** Says what a task's machine will run as. */
  saveUser(task: string, user: MachineUser | null): void {
    const record = this.#allocation.tasks[task];
    if (record === undefined) return;
    this.save({ ...this.#allocation, tasks: { ...this.#allocation.tasks, [task]: { ...record, user } } }, []);
  }

  /**
   * Writes the record with what happened to it, in one transaction.
   * @param also writes more in it. @param record how it is recorded.
   */
  save(
    allocation: Allocation,
    reports: readonly { readonly task: string; readonly event: TaskEvent }[],
    also: () => void = () => undefined,
    record: Recorder["record"] = this.#context.recorder.record,
  ): void {
    const { store, clock } = this.#context;
    this.#allocation = record((modifyIndex) => {
      const saved = { ...allocation, modifyIndex, modifyTime: clock.now() };
      store.putAllocation(saved);
      for (const { task, event } of reports) store.appendEvent(allocation.id, task, event);
      also();
      return saved;
    });
  }

  #saveTask(
    task: string,
    next: TaskRecord,
    reports: readonly TaskEvent[],
    also?: () => void,
    record?: Recorder["record"],
  ): void {
    const before = this.#allocation.tasks[task] ?? next;
    this.save(
      { ...this.#allocation, tasks: { ...this.#allocation.tasks, [task]: next } },
      reports.map((event) => ({ task, event })),
      also,
      record,
    );
    this.#context.tally.count(before, next, reports);
  }
}

function withStep(record: TaskRecord, machine: MachineState, reports: readonly TaskEvent[]): TaskRecord {
  const startedAt = machine.kind === "running" || machine.kind === "stopping" ? machine.startedAt : record.startedAt;
  return {
    ...record,
    machine,
    events: reports.reduce(appendEvent, record.events),
    startedAt,
    ...(startedAt === 0 ? {} : { firstStart: record.firstStart ?? startedAt }),
    finishedAt: machine.kind === "ended" ? machine.ending.at : 0,
  };
}

/** What a record remembers of an event beside the machine's state. */
function countFor(record: TaskRecord, event: MachineEvent, state: MachineState): TaskRecord {
  if (event.kind === "prepared") return { ...record, fetched: true };
  if (state.kind !== "backoff" || !("next" in event)) return record;
  // Nomad counts a restart by command among the task's restarts and not among those that its policy allows.
  if (event.kind === "gone" && wasToldToRestart(record.machine))
    return { ...record, restarts: record.restarts + 1, lastRestart: event.at };
  if (event.next.kind !== "restart") return record;
  return { ...record, window: event.next.window, restarts: record.restarts + 1, lastRestart: event.at };
}

function wasToldToRestart(machine: MachineState): boolean {
  if (machine.kind === "stopping") return isRestart(machine.order);
  return machine.kind === "starting" && isRestart(machine.stop);
}
