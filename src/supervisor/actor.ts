import type { Allocation } from "../allocation/allocation.ts";
import type { MachineEffect } from "../allocation/effect.ts";
import type { Ending } from "../allocation/ending.ts";
import type { StopOrder } from "../allocation/ladder.ts";
import type { MachineEvent, MachineState } from "../allocation/machine.ts";
import type { RestartDecision } from "../allocation/restart.ts";
import { step } from "../allocation/step.ts";
import type { TaskEvent } from "../allocation/task-event.ts";
import { AppError, errorText } from "../base/errors.ts";
import { allocDir } from "../paths.ts";
import { attend } from "./attend.ts";
import { climb } from "./climb.ts";
import { locateGroup, removeGroup } from "./confine.ts";
import type { ActorContext, Desk } from "./desk.ts";
import { closeGate } from "./hand-over.ts";
import { emptyHands, type Hands, releaseImage } from "./hands.ts";
import { removeSockets } from "./launch.ts";
import { Ledger, type VersionChange } from "./ledger.ts";
import type { LoggingMachine } from "./log-keeper.ts";
import { type MachinePlace, placeOf } from "./machine-place.ts";
import { Mailbox } from "./mailbox.ts";
import { Siblings } from "./siblings.ts";
import { AGENT_ENDS, prepareMachine, startMachine } from "./start.ts";
import { Watch } from "./watch.ts";

/** Owns the machines of one allocation: takes events one after the other, persists what they lead to, then acts. */
export class AllocationActor {
  readonly #ledger: Ledger;
  readonly #context: ActorContext;
  readonly #hands = new Map<string, Hands>();
  readonly #places = new Map<string, MachinePlace>();
  readonly #mailbox: Mailbox<{ readonly task: string; readonly event: MachineEvent }>;
  /** What `logging` has found out of this record; null once a watch began or ended. */
  #logging: { readonly allocation: Allocation; readonly machines: readonly LoggingMachine[] } | null = null;
  readonly #siblings: Siblings;
  #closed = false;

  /** @param adopted when a former agent had it: nothing is known of its machines until they were looked at, and `settle` was called. */
  constructor(allocation: Allocation, context: ActorContext, adopted = false) {
    this.#ledger = new Ledger(allocation, context);
    this.#context = context;
    this.#mailbox = new Mailbox(({ task, event }) => this.#handle(task, event), context);
    const tell = (task: string, order: StopOrder): void =>
      this.send(task, { kind: "stop_requested", at: context.clock.now(), order });
    this.#siblings = new Siblings(context, tell, !adopted);
    for (const task of Object.keys(allocation.tasks)) {
      this.#hands.set(task, emptyHands());
    }
  }

  get allocation(): Allocation {
    return this.#ledger.allocation;
  }

  /** The record with what is known only while the agent runs. */
  snapshot(): Allocation {
    this.#ledger.keepTime();
    const tasks = Object.entries(this.allocation.tasks).map(([name, record]) => {
      const progress = this.#hands.get(name)?.progress;
      return [name, progress === undefined ? record : { ...record, progress }] as const;
    });
    return { ...this.allocation, tasks: Object.fromEntries(tasks) };
  }

  /** Puts an event into the mailbox; it is handled before this returns unless one is being handled. */
  send(task: string, event: MachineEvent): void {
    this.#mailbox.put({ task, event });
  }

  /** What the task's restart policy says of an end. */
  decide(task: string, ending: Ending, recoverable: boolean): RestartDecision {
    return this.#ledger.decide(task, ending, recoverable);
  }

  /** The machines that have a process now, for whoever bounds their logs: the same list until something happens to one of them. */
  logging(): readonly LoggingMachine[] {
    const { allocation } = this;
    if (this.#logging?.allocation !== allocation) this.#logging = { allocation, machines: this.#findLogging() };
    return this.#logging.machines;
  }

  #findLogging(): readonly LoggingMachine[] {
    const { allocation } = this;
    return Object.entries(allocation.tasks).flatMap(([task, { machine }]) => {
      const watch = this.#hands.get(task)?.watch;
      if ((machine.kind !== "running" && machine.kind !== "stopping") || !watch) return [];
      const place = this.#place(task, machine.generation);
      return [{ allocation, machine, place, watch, report: (event: TaskEvent) => this.#report(task, event) }];
    });
  }

  /** What QEMU says of a machine's user network. @throws AppError `unavailable`, or QmpError. */
  async userNetwork(task: string): Promise<string> {
    const watch = this.#hands.get(task)?.watch;
    if (watch) return await watch.userNetwork();
    throw new AppError("unavailable", "the monitor is not connected");
  }

  /** What work on one of the machines needs. @throws Error for a task that the allocation has not. */
  desk(task: string): Desk {
    const hands = this.#hands.get(task);
    if (hands === undefined) throw new Error(`allocation ${this.allocation.id} has no task ${task}`);
    return this.#desk(task, hands);
  }

  /** Adds to a task's history. @throws StoreError when it cannot be kept. */
  announce(task: string, event: TaskEvent): void {
    this.#ledger.report(task, event);
  }

  /** Each machine was looked at that a former agent had. */
  settle(): void {
    this.#siblings.settle(this.allocation);
  }

  /** Stops every machine that has not ended: the leader of the group first. */
  stop(orderFor: (task: string) => StopOrder): void {
    this.#siblings.stop(this.allocation, orderFor);
  }

  /** Says that the allocation is to stop. What is to take its place is recorded by then: on a full disk this must not fail behind it. */
  setStopped(desiredDescription: string): void {
    const { recordFreeing } = this.#context.recorder;
    this.#ledger.save({ ...this.allocation, desired: "stop", desiredDescription }, [], undefined, recordFreeing);
  }

  /** Goes on by another version of its job, as the store has it already; that may name a leader which has ended. */
  setVersion(change: VersionChange): void {
    this.#ledger.setVersion(change);
    this.#siblings.look(this.allocation);
  }

  /** Lets go of every machine without touching it; the agent is about to end. */
  close(): void {
    this.#closed = true;
    this.#mailbox.close();
    for (const hands of this.#hands.values()) {
      hands.cancelWake();
      hands.watch?.close();
      hands.preparing?.abort(AGENT_ENDS);
      releaseImage(hands);
      hands.child?.unref();
    }
  }

  #handle(task: string, event: MachineEvent): void {
    const jump = this.#ledger.keepTime();
    if (jump !== 0) this.#context.log.info("the host's clock was set", { task, by: `${Math.round(jump)} ms` });
    const record = this.allocation.tasks[task];
    if (record === undefined) throw new Error(`allocation ${this.allocation.id} has no task ${task}`);
    const { state, effects } = step(record.machine, event);
    if (state.kind === "ended" && record.machine.kind !== "ended" && this.#isLast(task)) this.#shut();
    const reports = effects.flatMap((effect) => (effect.kind === "report" ? [effect.event] : []));
    if (state !== record.machine || reports.length > 0) {
      this.#ledger.saveStep(task, event, state, reports, this.#hands.get(task)?.prepared?.plan);
    }
    for (const effect of effects) this.#perform(task, state, effect);
    if (state !== record.machine) this.#context.onChange(this.allocation.id, task);
    if (state.kind === "ended" && record.machine.kind !== "ended") {
      this.#context.log.info("machine ended", { task, reason: state.ending.reason, message: state.ending.message });
      this.#context.onTerminal(this.allocation);
    }
    this.#siblings.look(this.allocation);
  }

  #isLast(task: string): boolean {
    return Object.entries(this.allocation.tasks).every(
      ([name, { machine }]) => name === task || machine.kind === "ended",
    );
  }

  /** What its machines' users have is closed before the record says that they may be other machines' users. */
  #shut(): void {
    const { id, tasks } = this.allocation;
    if (Object.values(tasks).every(({ user }) => user == null)) return;
    const path = allocDir(this.#context.dirs, id);
    try {
      closeGate({ alloc: path });
    } catch (error) {
      this.#context.log.error("an allocation cannot be closed", { path, error: errorText(error) });
    }
  }

  #report(task: string, event: TaskEvent): void {
    if (this.#closed) return;
    try {
      this.#ledger.report(task, event);
    } catch (error) {
      // A line of the history that a full disk costs is not worth a machine.
      this.#context.log.warn("an event was not kept", { task, event: event.message, error: errorText(error) });
    }
  }

  #perform(task: string, state: MachineState, effect: MachineEffect): void {
    const hands = this.#hands.get(task);
    if (hands === undefined) return;
    switch (effect.kind) {
      case "report":
        return;
      case "prepare":
        void prepareMachine(this.#desk(task, hands), effect.generation);
        return;
      case "cancel_prepare":
        hands.preparing?.abort();
        return;
      case "launch":
        void startMachine(this.#desk(task, hands), effect.generation);
        return;
      case "watch":
        this.#watch(task, hands, state);
        return;
      case "climb":
        hands.climbing = Promise.all([hands.climbing, climb(this.#desk(task, hands), state, effect.rung)]);
        return;
      case "wake":
        hands.cancelWake();
        hands.cancelWake = this.#context.clock.after(Math.max(0, effect.at - this.#context.clock.now()), () =>
          this.send(task, { kind: "tick", at: this.#context.clock.now() }),
        );
        return;
      case "clean_up":
        this.#cleanUp(task, hands, state);
    }
  }

  #watch(task: string, hands: Hands, state: MachineState): void {
    if (state.kind !== "running" && state.kind !== "stopping") return;
    const { clock, bootId } = this.#context;
    const place = this.#place(task, state.generation);
    hands.watch?.close();
    hands.group ??= locateGroup(this.#context, place, state.identity.pid);
    this.#logging = null;
    hands.watch = new Watch({
      identity: state.identity,
      bootId,
      qmpSocket: place.sockets.qmp,
      owner: place.user?.uid ?? process.getuid?.(),
      child: hands.child,
      clock,
      log: this.#context.log,
      listener: attend(this.#desk(task, hands), state),
    });
  }

  #cleanUp(task: string, hands: Hands, state: MachineState): void {
    hands.cancelWake();
    hands.watch?.close();
    hands.watch = null;
    this.#logging = null;
    hands.child = null;
    hands.resumed = 0;
    releaseImage(hands);
    if (state.kind !== "ended" && state.kind !== "backoff") return;
    const place = this.#place(task, state.generation);
    this.#removeSockets(place);
    removeGroup(this.#context, hands, place);
  }

  #removeSockets(place: MachinePlace): void {
    try {
      removeSockets(place);
    } catch (error) {
      // A hostile machine can fill its directory with what is hard to remove; its next start says so.
      this.#context.log.warn("a machine's sockets cannot be removed", { error: errorText(error) });
    }
  }

  #desk(task: string, hands: Hands): Desk {
    return {
      task,
      hands,
      context: this.#context,
      allocation: () => this.allocation,
      closed: () => this.#closed,
      place: (generation) => this.#place(task, generation),
      send: (event) => this.send(task, event),
      report: (event) => this.#report(task, event),
      keepUser: (user) => this.#ledger.saveUser(task, user),
      decide: (ending, recoverable) => this.decide(task, ending, recoverable),
    };
  }

  /** Kept, because every look at a machine's logs asks for it. */
  #place(task: string, generation: number): MachinePlace {
    const known = this.#places.get(task);
    const user = this.allocation.tasks[task]?.user ?? null;
    if (known?.generation === generation && known.user === user) return known;
    const place = placeOf(this.#context.dirs, this.allocation, task, generation);
    this.#places.set(task, place);
    return place;
  }
}
