import {
  afterProbe,
  type CheckReport,
  type CheckSpec,
  type CheckState,
  newCheck,
  type ProbeResult,
  wantsRestart,
} from "../allocation/check.ts";
import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";

/** A running machine whose checks are to be run. */
export interface CheckedMachine {
  readonly specs: readonly CheckSpec[];
  /** Of the machine, milliseconds since 1970. */
  readonly startedAt: number;
  /** True for a machine that has run for long: its first checks follow at once. */
  readonly adopted: boolean;
  /** False while nobody can expect an answer: a machine that somebody paused is not sick. */
  readonly mayAsk: () => boolean;
  /** What QEMU says of its user network. */
  readonly userNetwork: () => Promise<string>;
  /** A check's status has changed. */
  readonly onStatus: () => void;
  /** A check wants its tasks to be restarted; called once, for the first that does. */
  readonly onUnhealthy: (spec: CheckSpec) => void;
}

/** Runs one probe; never rejects. */
export type RunProbe = (
  spec: CheckSpec,
  options: { readonly signal: AbortSignal; readonly userNetwork: () => Promise<string> },
) => Promise<ProbeResult>;

export interface CheckerOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly probe: RunProbe;
  /** Milliseconds that never go backwards: a clock that is set must not stop the checks. */
  readonly elapsed: () => number;
  /** 0 to 1. */
  readonly random: () => number;
}

interface Entry {
  readonly spec: CheckSpec;
  state: CheckState;
  /** By `elapsed`; infinite while it is asked. */
  due: number;
}

interface Watched {
  readonly machine: CheckedMachine;
  readonly entries: readonly Entry[];
  readonly stop: AbortController;
  /** When it started, by `elapsed`: its time of grace is no matter of a clock that is set. */
  readonly born: number;
  /** Checks that are being asked. */
  asking: number;
}

/** Checks that are due within so many milliseconds of one another share one wake-up. */
const SLOT = 50;
/** How many checks of one machine are asked at once: one that is slow to answer keeps its own waiting, and nobody else's. */
const AT_ONCE = 4;
/** Longest wait before the first check of a machine that has run for long, in milliseconds. */
const PROMPT = 1_000;

/**
 * Runs the checks of all machines by one timer. As in Nomad, the first comes half an interval after the start, here up to a quarter
 * earlier so that machines which started together are not asked together, and the next an interval after each result.
 */
export class Checker {
  readonly #options: CheckerOptions;
  readonly #watched = new Map<string, Watched>();
  #cancel: () => void = () => undefined;
  #closed = false;

  constructor(options: CheckerOptions) {
    this.#options = options;
  }

  /** Begins the checks of a machine. @param key of this start of it. */
  watch(key: string, machine: CheckedMachine): void {
    const { clock, elapsed, random } = this.#options;
    if (this.#closed || this.#watched.has(key) || machine.specs.length === 0) return;
    const entries = machine.specs.map((spec): Entry => {
      const half = spec.interval / 2;
      const wait = machine.adopted ? Math.min(PROMPT, half) * random() : half * (1 - random() / 2);
      return { spec, state: newCheck(spec, clock.now()), due: elapsed() + wait };
    });
    const born = elapsed() - Math.max(0, clock.now() - machine.startedAt);
    this.#watched.set(key, { machine, entries, stop: new AbortController(), born, asking: 0 });
    this.#schedule();
  }

  /** Ends the checks of a start of a machine; what is being asked is given up. */
  forget(key: string): void {
    this.#watched.get(key)?.stop.abort();
    if (this.#watched.delete(key)) this.#schedule();
  }

  /** What is known of a machine that is watched; undefined when it is not. */
  reports(key: string): readonly CheckReport[] | undefined {
    return this.#watched.get(key)?.entries.map(({ spec, state }) => ({ spec, state }));
  }

  close(): void {
    this.#closed = true;
    this.#cancel();
    for (const { stop } of this.#watched.values()) stop.abort();
    this.#watched.clear();
  }

  #schedule(): void {
    this.#cancel();
    this.#cancel = () => undefined;
    let due = Number.POSITIVE_INFINITY;
    for (const { entries, asking } of this.#watched.values()) {
      if (asking < AT_ONCE) for (const entry of entries) due = Math.min(due, entry.due);
    }
    if (due === Number.POSITIVE_INFINITY) return;
    const wait = Math.max(SLOT, due - this.#options.elapsed());
    this.#cancel = this.#options.clock.after(wait, () => this.#askDue());
  }

  #askDue(): void {
    const now = this.#options.elapsed();
    for (const [key, watched] of this.#watched) {
      // Those that have waited longest come first, so that a crowd starves none of its own.
      const due = watched.entries.filter((entry) => entry.due <= now + SLOT).toSorted((a, b) => a.due - b.due);
      for (const entry of due.slice(0, AT_ONCE - watched.asking)) {
        if (watched.machine.mayAsk()) void this.#ask(key, watched, entry);
        else entry.due = now + entry.spec.interval;
      }
    }
    this.#schedule();
  }

  async #ask(key: string, watched: Watched, entry: Entry): Promise<void> {
    const { probe, clock, elapsed, log } = this.#options;
    const { machine, stop } = watched;
    entry.due = Number.POSITIVE_INFINITY;
    watched.asking++;
    const result = await probe(entry.spec, { signal: stop.signal, userNetwork: machine.userNetwork });
    watched.asking--;
    if (!stop.signal.aborted) entry.due = elapsed() + entry.spec.interval;
    // A machine that was stopped or paused while it was asked owed no answer.
    if (!stop.signal.aborted && machine.mayAsk()) {
      const before = entry.state;
      const at = clock.now();
      entry.state = afterProbe(entry.spec, before, result, { at, startedAt: at - (elapsed() - watched.born) });
      const { status, output } = entry.state;
      if (status !== before.status) {
        log.info("check changed", { check: entry.spec.name, service: entry.spec.service, status, output });
        machine.onStatus();
      }
      if (wantsRestart(entry.spec, entry.state)) this.#giveUp(key, watched, entry.spec);
    }
    if (!this.#closed) this.#schedule();
  }

  /** The machine's checks begin anew with its next start. */
  #giveUp(key: string, { machine, entries, stop }: Watched, spec: CheckSpec): void {
    stop.abort();
    for (const entry of entries) entry.due = Number.POSITIVE_INFINITY;
    this.#options.log.info("a check went on failing", { check: spec.name, machine: key });
    machine.onUnhealthy(spec);
  }
}
