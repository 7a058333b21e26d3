import { type Allocation, isTerminal } from "../allocation/allocation.ts";
import type { StopOrder } from "../allocation/ladder.ts";
import type { MachineState } from "../allocation/machine.ts";
import type { Clock } from "../base/clock.ts";
import { AllocationActor } from "./actor.ts";
import { adoptionEvent } from "./adopt.ts";
import { CheckKeeper, type CheckKeeperContext } from "./check-keeper.ts";
import { type MachineCommands, machineCommands } from "./command.ts";
import { sweepGroups } from "./confine.ts";
import type { ActorContext } from "./desk.ts";
import type { VersionChange } from "./ledger.ts";
import { LogKeeper, type LogKeeperContext } from "./log-keeper.ts";
import { placeOf } from "./machine-place.ts";
import { RoomKeeper } from "./room-keeper.ts";
import { RunTimeKeeper, type RunTimeKeeperContext } from "./run-time-keeper.ts";
import { sweepSockets } from "./sweep.ts";
import { UsageKeeper, type UsageReader } from "./usage-keeper.ts";

/** Acts on machines: starts, watches, stops and adopts them. The one owner of every QEMU of this agent. */
export interface Supervisor extends MachineCommands {
  /** Names the boot of the host in which its machines run. */
  readonly bootId: string;
  /** Takes over what the store says has not ended; resolves when each machine was looked at. */
  adoptAll(): Promise<void>;
  /** Starts a recorded allocation, at once or when those have ended that it waits for: two may not share disk and ports. */
  start(allocation: Allocation): void;
  /** Stops every machine of an allocation, the leader of its group first; one that ended already is left alone. */
  stop(allocationId: string, orderFor: (task: string) => StopOrder, description: string): void;
  /** Lets an allocation go on by another version of its job, which is recorded already; its machines are left alone. */
  update(allocationId: string, change: VersionChange): void;
  /** Calls a listener after each allocation that has nothing running any more, until `close`. */
  whenEnded(listener: () => void): void;
  /** The live record, or undefined when the allocation has ended. */
  live(allocationId: string): Allocation | undefined;
  /** Rotates every log that has grown too long; done by itself every few seconds. Resolves when each was looked at. */
  lookAtLogs(): Promise<void>;
  /** What machines and host take. */
  readonly usage: UsageReader;
  /** Writes down when the logs of a task were written, as far as is known by now. */
  flushLogTimes(allocationId: string, task: string): void;
  /**
   * Makes a machine's serial port take input from a FIFO.
   * @returns its path, good until this start of the machine ends. @throws as `LogKeeper.openInput` does.
   */
  openSerialInput(allocationId: string, task: string): Promise<string>;
  /** Lets guests go on for which there is room again; done by itself while one waits. Resolves when each was looked at. */
  lookForRoom(): Promise<void>;
  /** Lets go of all machines; they run on. */
  close(): void;
}

export type SupervisorContext = Omit<ActorContext, "onTerminal" | "onChange" | "tally"> &
  LogKeeperContext &
  CheckKeeperContext &
  RunTimeKeeperContext;

export function createSupervisor(context: SupervisorContext): Supervisor {
  const actors = new Map<string, AllocationActor>();
  const checks = new CheckKeeper(context);
  const room = new RoomKeeper(context);
  const runTimes = new RunTimeKeeper(context);
  const listeners: (() => void)[] = [];
  const logs = new LogKeeper(context, () => [...actors.values()].flatMap((actor) => actor.logging()));
  const usage = new UsageKeeper(context, () => [...actors.values()]);
  const actorContext: ActorContext = {
    ...context,
    tally: usage.tally,
    onChange: (id, task) => {
      const actor = actors.get(id);
      if (actor !== undefined) for (const keeper of [checks, room, runTimes]) keeper.see(actor, task);
    },
    onTerminal: (allocation) => {
      if (!isTerminal(allocation)) return;
      actors.delete(allocation.id);
      for (const actor of actors.values()) {
        if (actor.allocation.jobId === allocation.jobId) beginIfFree(actor, actors, context.clock);
      }
      for (const tell of listeners) tell();
    },
  };

  return {
    bootId: context.bootId,
    adoptAll: async () => {
      const live = context.store.liveAllocations();
      sweepSockets(context.dirs, live, context.log);
      sweepGroups(context.cgroups, live, context.log);
      for (const allocation of live) {
        actors.set(allocation.id, new AllocationActor(allocation, actorContext, true));
      }
      const found = [...actors.values()];
      await Promise.all(found.map((actor) => adopt(actor, context)));
      for (const actor of found) if (actors.has(actor.allocation.id)) beginIfFree(actor, actors, context.clock);
      logs.begin();
    },
    start: (allocation) => {
      const actor = new AllocationActor(allocation, actorContext);
      actors.set(allocation.id, actor);
      beginIfFree(actor, actors, context.clock);
    },
    stop: (allocationId, orderFor, description) => {
      const actor = actors.get(allocationId);
      if (actor === undefined) return;
      actor.setStopped(description);
      actor.stop(orderFor);
    },
    update: (allocationId, change) => goOnBy(change, actors.get(allocationId), { checks, runTimes }),
    ...machineCommands(actors, context.clock),
    whenEnded: (listener) => void listeners.push(listener),
    live: (allocationId) => {
      const allocation = actors.get(allocationId)?.snapshot();
      const reports = allocation === undefined ? undefined : checks.reports(allocation);
      return allocation === undefined || reports === undefined ? allocation : { ...allocation, checks: reports };
    },
    lookAtLogs: () => logs.look(),
    usage,
    flushLogTimes: (allocationId, task) => logs.flushTimes(allocationId, task),
    openSerialInput: (allocationId, task) => logs.openInput(allocationId, task),
    lookForRoom: () => room.look(),
    close: () => {
      listeners.length = 0;
      logs.close();
      checks.close();
      room.close();
      runTimes.close();
      for (const actor of actors.values()) actor.close();
      actors.clear();
    },
  };
}

function goOnBy(
  change: VersionChange,
  actor: AllocationActor | undefined,
  { checks, runTimes }: { readonly checks: CheckKeeper; readonly runTimes: RunTimeKeeper },
): void {
  if (actor === undefined) return;
  actor.setVersion(change);
  checks.renew(actor);
  runTimes.see(actor);
}

/** Begins with a machine unless an allocation that it waits for has not ended. */
function beginIfFree(actor: AllocationActor, actors: ReadonlyMap<string, AllocationActor>, clock: Clock): void {
  const { waitsFor = olderOf(actor.allocation, actors), tasks } = actor.allocation;
  if (waitsFor.some((id) => actors.has(id))) return;
  for (const [task, record] of Object.entries(tasks)) {
    if (record.machine.kind === "pending") actor.send(task, { kind: "begin", at: clock.now() });
  }
}

/** What an allocation waits for that a former version made: its job had one copy. */
function olderOf({ jobId, createIndex }: Allocation, actors: ReadonlyMap<string, AllocationActor>): string[] {
  const all = [...actors.values()].map(({ allocation }) => allocation);
  return all.filter((one) => one.jobId === jobId && one.createIndex < createIndex).map(({ id }) => id);
}

/** Tells an actor what became of its machines while no agent looked. */
async function adopt(actor: AllocationActor, context: SupervisorContext): Promise<void> {
  const { id, tasks } = actor.allocation;
  for (const [task, record] of Object.entries(tasks)) {
    if (record.machine.kind === "pending") continue;
    const place = placeOf(context.dirs, actor.allocation, task, generationOf(record.machine));
    const event = await adoptionEvent(record.machine, place, {
      ...context,
      decide: (ending, recoverable) => actor.decide(task, ending, recoverable),
    });
    if (event === null) continue;
    context.log.info("looked at a machine of before", { alloc: id, task, was: record.machine.kind, found: event.kind });
    actor.send(task, event);
  }
  actor.settle();
}

function generationOf(state: MachineState): number {
  return state.kind === "pending" ? 1 : state.generation;
}
