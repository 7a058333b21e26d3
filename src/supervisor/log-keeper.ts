import type { Allocation } from "../allocation/allocation.ts";
import type { Live } from "../allocation/machine.ts";
import type { TaskEvent } from "../allocation/task-event.ts";
import type { Clock } from "../base/clock.ts";
import { errorText } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { formatBytes } from "../base/units.ts";
import { type LogType, nextSerialSocket, taskLog } from "../paths.ts";
import { QmpError } from "../qmp/errors.ts";
import type { Store } from "../state/store.ts";
import { lstat, newestIndex, openLogIndex } from "./log-files.ts";
import type { MachinePlace } from "./machine-place.ts";
import {
  copyAndTruncate,
  type LogLimits,
  type LogOf,
  makeNextLog,
  nameSerialSocket,
  removeLog,
  tidyLog,
} from "./rotate.ts";
import type { Watch } from "./watch.ts";

/** How often every log is looked at, in milliseconds: two `lstat` for each machine. */
const LOOK_EVERY = 3_000;

export interface LogKeeperContext {
  readonly store: Pick<Store, "lastLaunch">;
  readonly clock: Clock;
  readonly log: Log;
  /** The `logs` block of a task. */
  readonly logLimitsOf: (allocation: Allocation, task: string) => LogLimits;
}

/** A machine that has a process. */
export interface LoggingMachine {
  readonly allocation: Allocation;
  readonly machine: Live;
  readonly place: MachinePlace;
  readonly watch: Pick<Watch, "redirectSerial" | "ask">;
  readonly report: (event: TaskEvent) => void;
}

/** What is remembered of one log between two looks. */
interface Kept extends LogOf {
  /** QEMU's chardev can be told to go on elsewhere; a descriptor that QEMU got at its start cannot. */
  readonly by: "chardev" | "descriptor";
  /** The index of the file that is written; null when it has to be found out. */
  active: number | null;
  /** True until the first look at a machine of a former agent was done. */
  unseen: boolean;
  failed: boolean;
}

interface KeptMachine {
  readonly logs: readonly Kept[];
  busy: boolean;
}

/** Keeps the logs of all machines within what their jobs allow. */
export class LogKeeper {
  readonly #context: LogKeeperContext;
  readonly #machines: () => readonly LoggingMachine[];
  #kept = new Map<string, KeptMachine>();
  #cancel: () => void = () => undefined;

  constructor(context: LogKeeperContext, machines: () => readonly LoggingMachine[]) {
    this.#context = context;
    this.#machines = machines;
  }

  /** Looks now, and every few seconds from now on. */
  begin(): void {
    const { log } = this.#context;
    this.look().catch((error: unknown) => log.warn("logs cannot be looked at", { error: errorText(error) }));
    this.#cancel = this.#context.clock.after(LOOK_EVERY, () => this.begin());
  }

  close(): void {
    this.#cancel();
  }

  /** Rotates what is too long. A machine that is slow to answer keeps nobody else waiting; what fails is logged. */
  async look(): Promise<void> {
    const machines = this.#machines().map((machine) => ({ machine, key: keyOf(machine) }));
    this.#kept = new Map(machines.map(({ machine, key }) => [key, this.#kept.get(key) ?? this.#meet(machine)]));
    await Promise.all(machines.map(({ machine, key }) => this.#lookAt(machine, this.#kept.get(key))));
  }

  #meet({ allocation, machine, place }: LoggingMachine): KeptMachine {
    const { store, logLimitsOf } = this.#context;
    const { dirs, task, user } = place;
    const serial = store.lastLaunch(allocation.id, task)?.serial;
    const limits = logLimitsOf(allocation, task);
    const keep = (type: LogType, by: Kept["by"]): Kept => {
      return { dirs, task, type, limits, user, by, active: null, unseen: machine.adopted, failed: false };
    };
    const ours = serial?.ours === true && serial.disabled !== true;
    return { logs: [keep("stdout", ours ? "chardev" : "descriptor"), keep("stderr", "descriptor")], busy: false };
  }

  async #lookAt(machine: LoggingMachine, kept: KeptMachine | undefined): Promise<void> {
    if (kept === undefined || kept.busy) return;
    kept.busy = true;
    for (const log of kept.logs) await this.#keepWithin(machine, log);
    kept.busy = false;
  }

  async #keepWithin(machine: LoggingMachine, log: Kept): Promise<void> {
    try {
      if (log.unseen && log.by === "chardev") nameSerialSocket(machine.place.sockets, this.#context.log);
      log.active ??= findActive(machine, log);
      const size = sizeOf(taskLog(log.dirs, log.task, log.type, log.active));
      // A serial log that somebody removed grows on where nobody sees it, until QEMU gets another one.
      if (size === null ? log.by === "chardev" : size >= log.limits.maxBytes)
        await this.#rotate(machine, log, size ?? 0);
      log.unseen = false;
      log.failed = false;
    } catch (error) {
      const fields = { task: log.task, log: log.type, error: errorText(error) };
      if (!log.failed) this.#context.log.warn("a log cannot be rotated; it is tried again", fields);
      log.failed = true;
    }
  }

  async #rotate(machine: LoggingMachine, log: Kept, size: number): Promise<void> {
    const cutBefore = log.by === "chardev" ? await this.#redirect(machine, log) : moveOn(log);
    const cut = cutBefore + tidyLog(log, log.active ?? 0, log.unseen);
    this.#context.log.debug("log rotated", { task: log.task, log: log.type, file: log.active });
    if (log.unseen) this.#tell(machine, log, size, cut);
  }

  /** @returns bytes lost: none. */
  async #redirect({ place, watch }: LoggingMachine, log: Kept): Promise<number> {
    const next = makeNextLog(log, log.active ?? 0);
    const path = taskLog(log.dirs, log.task, log.type, next);
    try {
      await watch.redirectSerial(nextSerialSocket(place.sockets, next), path);
    } catch (error) {
      // Without an answer QEMU may have the new file by now; the kernel knows at the next look.
      if (error instanceof QmpError && error.failure !== "refused") log.active = null;
      else removeLog(path);
      throw error;
    }
    log.active = next;
    nameSerialSocket(place.sockets, this.#context.log);
    return 0;
  }

  #tell({ report }: LoggingMachine, { task, type, limits }: Kept, size: number, cut: number): void {
    const what = type === "stdout" ? "the serial log" : "the log of QEMU's own words";
    const grown = `${what} had grown to ${formatBytes(size)} while no agent ran, its files may have ${formatBytes(limits.maxBytes)}`;
    const message = `${grown}; ${cut > 0 ? `it was rotated and its first ${formatBytes(cut)} were removed` : "it was rotated"}`;
    this.#context.log.info(message, { task });
    const details = { log: type, size: String(size), removed: String(cut) };
    report({ type: "Driver", time: this.#context.clock.now(), message, details, failsTask: false });
  }
}

function moveOn(log: Kept): number {
  const { active, cut } = copyAndTruncate(log, log.active ?? 0);
  log.active = active;
  return cut;
}

const keyOf = ({ allocation, machine, place }: LoggingMachine): string =>
  `${allocation.id}/${place.task}/${machine.generation}`;

/** QEMU's descriptors 1 and 2 are what it got at its start; a chardev's log has one behind them. */
function findActive({ machine, place }: LoggingMachine, { by, type, dirs, task }: Kept): number {
  const given = type === "stdout" ? 1 : 2;
  const counts = (descriptor: number): boolean => (by === "chardev" ? descriptor > 2 : descriptor === given);
  return openLogIndex(machine.identity.pid, place, type, counts) ?? newestIndex(dirs, task, type);
}

/** Null when there is no regular file. */
function sizeOf(path: string): number | null {
  const stat = lstat(path);
  return stat?.isFile() ? stat.size : null;
}
