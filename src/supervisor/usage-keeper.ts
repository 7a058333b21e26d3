import type { Allocation } from "../allocation/allocation.ts";
import type { MachineStateKind } from "../allocation/machine.ts";
import { type Clock, delay, monotonicMillis } from "../base/clock.ts";
import type { AgentDirs } from "../paths.ts";
import { type SampledMachine, Sampler } from "../stats/sampler.ts";
import type { HostUsage, MachineDetail, MachineUsage } from "../stats/usage.ts";
import type { LoggingMachine } from "./log-keeper.ts";
import { type Counts, Tally } from "./tally.ts";

/** What the machine of one task takes. */
export interface TaskUsage {
  readonly allocation: Allocation;
  readonly task: string;
  readonly usage: MachineUsage;
  /** Only where it was asked for. */
  readonly detail: MachineDetail | null;
}

/** What machines and host take, found out when it is asked for. */
export interface UsageReader {
  /** The machines of an allocation that have a process. @param detail with what costs more to find out. */
  ofAllocation(allocationId: string, detail: boolean): Promise<readonly TaskUsage[]>;
  ofAll(): Promise<readonly TaskUsage[]>;
  ofHost(): Promise<HostUsage>;
  /** How many machines are in which state, of allocations that have not ended. */
  states(): ReadonlyMap<MachineStateKind, number>;
  counts(): Counts;
}

/** What the keeper needs of an allocation's actor. */
export interface SampledAllocation {
  readonly allocation: Allocation;
  logging(): readonly LoggingMachine[];
}

interface Entry {
  readonly allocation: Allocation;
  readonly task: string;
  readonly machine: SampledMachine;
}

export class UsageKeeper implements UsageReader {
  /** For the ledgers to count in. */
  readonly tally = new Tally();
  readonly #sampler: Sampler;
  readonly #actors: () => readonly SampledAllocation[];

  constructor(
    context: { readonly dirs: AgentDirs; readonly clock: Clock },
    actors: () => readonly SampledAllocation[],
  ) {
    const { dirs, clock } = context;
    this.#actors = actors;
    this.#sampler = new Sampler({
      machines: () => this.#entries().map(({ machine }) => machine),
      dataDir: dirs.dataDir,
      now: clock.now,
      elapsed: monotonicMillis,
      pause: (millis) => delay(millis, clock),
    });
  }

  async ofAllocation(allocationId: string, detail: boolean): Promise<readonly TaskUsage[]> {
    const entries = this.#entries().filter(({ allocation }) => allocation.id === allocationId);
    const found = await this.#read(entries);
    if (!detail) return found;
    return await Promise.all(
      found.map(async (one) => {
        const entry = entries.find(({ task }) => task === one.task);
        return { ...one, detail: entry === undefined ? null : await this.#sampler.detail(entry.machine) };
      }),
    );
  }

  async ofAll(): Promise<readonly TaskUsage[]> {
    return await this.#read(this.#entries());
  }

  async ofHost(): Promise<HostUsage> {
    return await this.#sampler.host();
  }

  states(): ReadonlyMap<MachineStateKind, number> {
    const states = new Map<MachineStateKind, number>();
    for (const { allocation } of this.#actors()) {
      for (const { machine } of Object.values(allocation.tasks)) {
        states.set(machine.kind, (states.get(machine.kind) ?? 0) + 1);
      }
    }
    return states;
  }

  counts(): Counts {
    return this.tally;
  }

  async #read(entries: readonly Entry[]): Promise<readonly TaskUsage[]> {
    const usages = await this.#sampler.usages(entries.map(({ machine }) => machine));
    return entries.flatMap(({ allocation, task, machine }) => {
      const usage = usages.get(machine.key);
      return usage === undefined ? [] : [{ allocation, task, usage, detail: null }];
    });
  }

  #entries(): readonly Entry[] {
    return this.#actors().flatMap((actor) => actor.logging().map(entryOf));
  }
}

function entryOf({ allocation, machine, place, watch }: LoggingMachine): Entry {
  const { pid, startTime } = machine.identity;
  const key = `${allocation.id}/${place.task}/${machine.generation}`;
  return {
    allocation,
    task: place.task,
    machine: { key, pid, startTime, ask: (work) => watch.ask(work) },
  };
}
