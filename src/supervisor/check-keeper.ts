import { isDeepStrictEqual } from "node:util";
import { type Allocation, hasAnswered } from "../allocation/allocation.ts";
import { type CheckReport, type CheckSpec, unhealthyText } from "../allocation/check.ts";
import type { StopCause, StopOrder } from "../allocation/ladder.ts";
import type { MachineEvent } from "../allocation/machine.ts";
import { type Clock, monotonicMillis } from "../base/clock.ts";
import { AppError, errorText } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { Checker, type RunProbe } from "../check/checker.ts";
import { probeHttp } from "../check/probe-http.ts";
import { probeTcp } from "../check/probe-tcp.ts";
import type { Recorder } from "../state/recorder.ts";

export interface CheckKeeperContext {
  readonly recorder: Pick<Recorder, "announce">;
  readonly clock: Clock;
  readonly log: Log;
  /** The checks that begin and end with a task's machine. */
  readonly checksOf: (allocation: Allocation, task: string) => readonly CheckSpec[];
  /** How a task's machine is stopped. */
  readonly stopOrderOf: (allocation: Allocation, task: string, cause: StopCause) => StopOrder;
}

/** What the keeper needs of an allocation's actor. */
export interface CheckedAllocation {
  readonly allocation: Allocation;
  send(task: string, event: MachineEvent): void;
  /** What QEMU says of its user network. @throws AppError `unavailable`, or QmpError. */
  userNetwork(task: string): Promise<string>;
}

/** In these states of QEMU (`RunState`) the guest stands still and is not to blame for it. */
const STILL = new Set([
  ...["paused", "io-error", "prelaunch", "inmigrate", "suspended", "save-vm", "restore-vm"],
  ...["finish-migrate", "postmigrate", "debug"],
]);

/** Runs the checks of machines while they run, and has those restarted that stay sick. */
export class CheckKeeper {
  readonly #context: CheckKeeperContext;
  readonly #checker: Checker;
  /** The start of each machine that is known: its checks need not be looked up again. */
  readonly #known = new Map<string, number>();

  constructor(context: CheckKeeperContext) {
    this.#context = context;
    const { clock, log } = context;
    this.#checker = new Checker({ clock, log, probe: runProbe, elapsed: monotonicMillis, random: Math.random });
  }

  /** Looks at a machine after whatever happened to it. */
  see(actor: CheckedAllocation, task: string): void {
    const { allocation } = actor;
    const machine = allocation.tasks[task]?.machine;
    const key = `${allocation.id}/${task}`;
    const running = machine?.kind === "running" && hasAnswered(machine) ? machine : null;
    if (running?.generation === this.#known.get(key)) return;
    if (this.#known.delete(key)) this.#checker.forget(key);
    if (running === null) return;
    this.#known.set(key, running.generation);
    this.#checker.watch(key, {
      specs: this.#specsOf(allocation, task),
      startedAt: running.startedAt,
      adopted: running.adopted,
      mayAsk: () => {
        const now = actor.allocation.tasks[task]?.machine;
        return now?.kind === "running" && !STILL.has(now.guest);
      },
      userNetwork: () => actor.userNetwork(task),
      onStatus: () => this.#announce(actor.allocation),
      onUnhealthy: (spec) => this.#restart(actor, spec),
    });
  }

  /** Looks again at what the job of an allocation asks for; the checks of a machine that are as they were go on. */
  renew(actor: CheckedAllocation): void {
    const { allocation } = actor;
    for (const task of Object.keys(allocation.tasks)) {
      const key = `${allocation.id}/${task}`;
      const before = this.#checker.reports(key)?.map(({ spec }) => spec) ?? [];
      if (!this.#known.has(key) || isDeepStrictEqual(before, this.#specsOf(allocation, task))) continue;
      this.#known.delete(key);
      this.#checker.forget(key);
      this.see(actor, task);
    }
  }

  /** What is known of the checks of an allocation's machines; undefined when none is watched. */
  reports(allocation: Allocation): readonly CheckReport[] | undefined {
    const found = Object.keys(allocation.tasks).flatMap(
      (task) => this.#checker.reports(`${allocation.id}/${task}`) ?? [],
    );
    return found.length === 0 ? undefined : found;
  }

  close(): void {
    this.#checker.close();
  }

  #announce(allocation: Allocation): void {
    const checked = { ...allocation, checks: this.reports(allocation) };
    this.#context.recorder.announce({ kind: "allocation", allocation: checked, before: allocation });
  }

  /** A job that says nonsense only now that its names have values costs its checks, not its machine. */
  #specsOf(allocation: Allocation, task: string): readonly CheckSpec[] {
    try {
      return this.#context.checksOf(allocation, task);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      this.#context.log.warn("the checks of a task do not run", { task, error: errorText(error) });
      return [];
    }
  }

  #restart(actor: CheckedAllocation, spec: CheckSpec): void {
    const at = this.#context.clock.now();
    for (const task of spec.restarts) {
      const machine = actor.allocation.tasks[task]?.machine;
      if (machine?.kind !== "running") continue;
      const order = this.#context.stopOrderOf(actor.allocation, task, "unhealthy");
      const { generation } = machine;
      actor.send(task, { kind: "unhealthy", at, generation, order, reason: unhealthyText(spec) });
    }
  }
}

const runProbe: RunProbe = async ({ probe, timeout }, { signal, userNetwork }) => {
  const options = { timeoutMillis: timeout, signal };
  return probe.type === "tcp" ? await probeTcp(probe, { ...options, userNetwork }) : await probeHttp(probe, options);
};
