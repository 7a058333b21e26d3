import type { QmpClient } from "../qmp/client.ts";
import { QmpError } from "../qmp/errors.ts";
import { type DriveCounters, queryBalloon, queryBlockStats, queryVcpuThreads } from "../qmp/statistics.ts";
import { type HostReading, readHost } from "./host.ts";
import { type ProcessReading, readProcess, readPss, readThreadSeconds } from "./process.ts";
import { cpuBetween, type HostUsage, hostCpuBetween, type MachineDetail, type MachineUsage } from "./usage.ts";

/** A machine that has a process. */
export interface SampledMachine {
  /** Of this start of it. */
  readonly key: string;
  readonly pid: number;
  /** Clock ticks after boot. */
  readonly startTime: number;
  /** Asks its monitor. Rejects at once when it is not connected, and as the commands do. */
  readonly ask: <T>(work: (client: QmpClient) => Promise<T>) => Promise<T>;
}

export interface SamplerOptions {
  /** Every machine that can be asked about now; what is known of others is forgotten in time. */
  readonly machines: () => readonly SampledMachine[];
  readonly dataDir: string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Milliseconds that never go backwards. */
  readonly elapsed: () => number;
  readonly pause: (millis: number) => Promise<void>;
}

/** What was found is told again to whoever asks within so many milliseconds: any number of askers cost what one does. */
const FRESH = 1_000;
/** A look that is older than this says nothing of now: two are taken, so many milliseconds apart. */
const STALE = 60_000;
const FIRST_SPAN = 500;
/** How long a monitor may think, and how long one that did not answer in time is left alone, in milliseconds. */
const ASK_DEADLINE = 1_000;
const SILENCE = 30_000;
/** Machines that are looked at before everybody else has a turn; each costs some 0.1 ms. */
const AT_ONCE = 16;

/** Nothing is forgotten before so many starts of machines are known. */
const LEAST_KNOWN = 64;

interface Answer {
  readonly drives: readonly DriveCounters[] | null;
  readonly balloon: number | null;
}

/** What is remembered of one start of a machine. */
interface Known {
  reading: { readonly at: number; readonly found: ProcessReading } | null;
  usage: Remembered<MachineUsage | null> | null;
  detail: Remembered<MachineDetail> | null;
  /** False once QEMU said that it has none: it is asked once. */
  balloon: boolean;
  /** By `elapsed`. */
  silentUntil: number;
}

interface Remembered<T> {
  readonly value: Promise<T>;
  /** By `elapsed`; infinite while it is being found out. */
  at: number;
}

/**
 * Finds out what machines and host take. Works only when somebody asks; then percentages are of the time since the last asking, or
 * of half a second when that is long ago.
 */
export class Sampler {
  readonly #options: SamplerOptions;
  readonly #known = new Map<string, Known>();
  #forgetAt = LEAST_KNOWN;
  #host: { readonly at: number; readonly found: HostReading } | null = null;
  #hostUsage: Remembered<HostUsage> | null = null;

  constructor(options: SamplerOptions) {
    this.#options = options;
  }

  /** Resolves to null when the machine's process is gone. */
  usage(machine: SampledMachine): Promise<MachineUsage | null> {
    const known = this.#knownOf(machine);
    if (this.#isFresh(known.usage)) return known.usage.value;
    known.usage = this.#remember(this.#look(machine, known));
    return known.usage.value;
  }

  /** As `usage` for many at once, by their keys; those that are gone are left out. */
  async usages(machines: readonly SampledMachine[]): Promise<ReadonlyMap<string, MachineUsage>> {
    const asked: Promise<readonly [string, MachineUsage | null]>[] = [];
    for (const [at, machine] of machines.entries()) {
      if (at > 0 && at % AT_ONCE === 0) await this.#options.pause(0);
      asked.push(this.usage(machine).then((usage) => [machine.key, usage] as const));
    }
    const found = await Promise.all(asked);
    return new Map(found.flatMap(([key, usage]) => (usage === null ? [] : [[key, usage] as const])));
  }

  /** What is too dear to be found out for every machine. */
  detail(machine: SampledMachine): Promise<MachineDetail> {
    const known = this.#knownOf(machine);
    if (this.#isFresh(known.detail)) return known.detail.value;
    known.detail = this.#remember(this.#lookCloser(machine, known));
    return known.detail.value;
  }

  host(): Promise<HostUsage> {
    if (!this.#isFresh(this.#hostUsage)) this.#hostUsage = this.#remember(this.#lookAtHost());
    return this.#hostUsage.value;
  }

  #knownOf({ key }: SampledMachine): Known {
    const found = this.#known.get(key);
    if (found !== undefined) return found;
    this.#forgetEnded();
    const known: Known = { reading: null, usage: null, detail: null, balloon: true, silentUntil: 0 };
    this.#known.set(key, known);
    return known;
  }

  /** Each time that what is known has doubled: what is left then is no more than that. */
  #forgetEnded(): void {
    if (this.#known.size < this.#forgetAt) return;
    const live = new Set(this.#options.machines().map((machine) => machine.key));
    for (const old of this.#known.keys()) if (!live.has(old)) this.#known.delete(old);
    this.#forgetAt = Math.max(LEAST_KNOWN, 2 * this.#known.size);
  }

  #isFresh<T>(remembered: Remembered<T> | null): remembered is Remembered<T> {
    return remembered !== null && this.#options.elapsed() - remembered.at < FRESH;
  }

  #remember<T>(value: Promise<T>): Remembered<T> {
    const remembered: Remembered<T> = { value, at: Number.POSITIVE_INFINITY };
    const done = (at: number) => (): void => {
      remembered.at = at === 0 ? this.#options.elapsed() : at;
    };
    // A failure is not kept.
    value.then(done(0), done(Number.NEGATIVE_INFINITY));
    return remembered;
  }

  async #look(machine: SampledMachine, known: Known): Promise<MachineUsage | null> {
    const { elapsed, pause, now } = this.#options;
    if (known.reading === null || elapsed() - known.reading.at > STALE) {
      if (!this.#read(machine, known)) return null;
      await pause(FIRST_SPAN);
    }
    const answer = await this.#askMonitor(machine, known);
    const before = known.reading;
    const after = this.#read(machine, known);
    if (before === null || after === null) return null;
    return {
      pid: machine.pid,
      at: now(),
      cpu: cpuBetween(before.found.time, after.found.time, after.at - before.at),
      memory: after.found.memory,
      ...answer,
    };
  }

  #read({ pid, startTime }: SampledMachine, known: Known): Known["reading"] {
    const found = readProcess(pid, startTime);
    known.reading = found === null ? null : { at: this.#options.elapsed(), found };
    return known.reading;
  }

  async #askMonitor(machine: SampledMachine, known: Known): Promise<Answer> {
    const drives = await this.#ask(machine, known, (client) => queryBlockStats(client, ASK_DEADLINE));
    if (!known.balloon) return { drives, balloon: null };
    const balloon = await this.#ask(machine, known, async (client) => {
      try {
        return await queryBalloon(client, ASK_DEADLINE);
      } catch (error) {
        if (!(error instanceof QmpError) || error.failure !== "refused") throw error;
        known.balloon = false;
        return null;
      }
    });
    return { drives, balloon };
  }

  /** Null when there is no answer; who did not answer in time is left alone for a while. */
  async #ask<T>(machine: SampledMachine, known: Known, work: (client: QmpClient) => Promise<T>): Promise<T | null> {
    if (this.#options.elapsed() < known.silentUntil) return null;
    try {
      return await machine.ask(work);
    } catch (error) {
      if (error instanceof QmpError && error.failure !== "disconnected") {
        known.silentUntil = this.#options.elapsed() + SILENCE;
      }
      return null;
    }
  }

  async #lookCloser(machine: SampledMachine, known: Known): Promise<MachineDetail> {
    const threads = await this.#ask(machine, known, (client) => queryVcpuThreads(client, ASK_DEADLINE));
    const pss = readPss(machine.pid);
    const vcpus = threads?.flatMap(({ index, threadId }) => {
      const seconds = readThreadSeconds(machine.pid, threadId);
      return seconds === null ? [] : [{ index, seconds }];
    });
    // Another process that was given the pid meanwhile is none of ours.
    const alive = readProcess(machine.pid, machine.startTime) !== null;
    return alive ? { pss, vcpus: vcpus ?? null } : { pss: null, vcpus: null };
  }

  async #lookAtHost(): Promise<HostUsage> {
    const { elapsed, pause, now, dataDir } = this.#options;
    let before = this.#host;
    if (before === null || elapsed() - before.at > STALE) {
      before = { at: elapsed(), found: readHost(dataDir) };
      await pause(FIRST_SPAN);
    }
    const found = readHost(dataDir);
    this.#host = { at: elapsed(), found };
    return { ...found, at: now(), cpuPercents: hostCpuBetween(before.found.cpus, found.cpus) };
  }
}
