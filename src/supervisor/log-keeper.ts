import type { Allocation } from "../allocation/allocation.ts";
import type { Live } from "../allocation/machine.ts";
import type { TaskEvent } from "../allocation/task-event.ts";
import { type Clock, untilBeat } from "../base/clock.ts";
import { AppError, errorText } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { formatBytes } from "../base/units.ts";
import { newestIndex, openLogIndex } from "../logs/files.ts";
import { type LogType, nextSerialSocket, serialPipe, taskLog } from "../paths.ts";
import { QmpError } from "../qmp/errors.ts";
import type { Store } from "../state/store.ts";
import { LogClock } from "./log-clock.ts";
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
import { makeSerialPipe } from "./serial-pipe.ts";
import type { Watch } from "./watch.ts";

/** How often serial logs are looked at, in milliseconds: one `lstat` for each machine. */
const LOOK_EVERY = 3_000;
/** QEMU says next to nothing, so its own words are looked at once in so many looks. */
const STDERR_TURNS = 5;
/** A serial log is passed over once when it could grow so many times as much as since the look before, and still be short enough. */
const RUN_UP = 4;

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
  readonly watch: Pick<Watch, "redirectSerial" | "serialEnd" | "ask">;
  readonly report: (event: TaskEvent) => void;
}

/** What is remembered of one log between two looks. */
interface Kept extends LogOf {
  /** QEMU's chardev can be told to go on elsewhere; a descriptor that QEMU got at its start cannot. */
  readonly by: "chardev" | "descriptor";
  /** The index of the file that is written; null when it has to be found out. */
  active: number | null;
  /** Bytes of the active file at the last look. */
  size: number;
  /** Whether the next of the regular looks passes it over. */
  rests: boolean;
  /** True until the first look at a machine of a former agent was done. */
  unseen: boolean;
  failed: boolean;
  readonly clock: LogClock;
}

interface KeptMachine {
  readonly logs: readonly Kept[];
  /** Something is being done with the logs; resolves when it is done. */
  busy: Promise<void> | null;
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
  begin(turn = 0): void {
    const { log } = this.#context;
    const types: readonly LogType[] = turn % STDERR_TURNS === 0 ? ["stdout", "stderr"] : ["stdout"];
    this.look(types, true).catch((error: unknown) => log.warn("logs cannot be looked at", { error: errorText(error) }));
    this.#cancel = this.#context.clock.after(untilBeat(LOOK_EVERY), () => this.begin(turn + 1));
  }

  close(): void {
    this.#cancel();
    for (const { logs } of this.#kept.values()) for (const log of logs) lastLook(log);
  }

  /** Writes down when the logs of a task were written, for whoever reads that. */
  flushTimes(allocationId: string, task: string): void {
    for (const [key, { logs }] of this.#kept) {
      if (key.startsWith(`${allocationId}/${task}/`)) for (const { clock } of logs) clock.flush();
    }
  }

  /**
   * Rotates what is too long. A machine that is slow to answer keeps nobody else waiting; what fails is logged.
   * @param regular whether what was far from too long may be passed over.
   */
  async look(types: readonly LogType[] = ["stdout", "stderr"], regular = false): Promise<void> {
    const before = this.#kept;
    const kept = new Map<string, KeptMachine>();
    const found: { readonly machine: LoggingMachine; readonly known: KeptMachine }[] = [];
    for (const machine of this.#machines()) {
      const key = keyOf(machine);
      const known = before.get(key) ?? this.#meet(machine);
      kept.set(key, known);
      found.push({ machine, known });
    }
    this.#kept = kept;
    for (const [key, { logs }] of before) if (!kept.has(key)) for (const log of logs) lastLook(log);
    await Promise.all(found.flatMap(({ machine, known }) => this.#lookAt(machine, known, { types, regular }) ?? []));
  }

  #meet({ allocation, machine, place }: LoggingMachine): KeptMachine {
    const { store, clock, log: warnings, logLimitsOf } = this.#context;
    const { dirs, task, user } = place;
    const serial = store.lastLaunch(allocation.id, task)?.serial;
    const limits = logLimitsOf(allocation, task);
    const keep = (type: LogType, by: Kept["by"]): Kept => {
      const log = { dirs, task, type, limits, user, by };
      const kept = { ...log, active: null, size: 0, rests: false, unseen: machine.adopted, failed: false };
      const since = machine.adopted ? null : machine.startedAt;
      const every = LOOK_EVERY * (type === "stderr" ? STDERR_TURNS : 2);
      return { ...kept, clock: new LogClock({ log: kept, since, every, clock, warnings }) };
    };
    const ours = serial?.ours === true && serial.disabled !== true;
    return { logs: [keep("stdout", ours ? "chardev" : "descriptor"), keep("stderr", "descriptor")], busy: null };
  }

  /** @returns null when there is nothing to wait for, as a rule: what is done for every machine every few seconds is kept small. */
  #lookAt(
    machine: LoggingMachine,
    kept: KeptMachine,
    { types, regular }: { readonly types: readonly LogType[]; readonly regular: boolean },
  ): Promise<void> | null {
    // It is being looked at, and may be between two files.
    if (kept.busy !== null) return kept.busy;
    const due: Kept[] = [];
    for (const log of kept.logs) {
      if (!log.unseen && !types.includes(log.type)) continue;
      const rests = regular && log.rests;
      log.rests = false;
      if (!rests && this.#isDue(machine, log)) due.push(log);
    }
    if (due.length === 0) return null;
    return occupy(kept, async () => {
      for (const log of due) await this.#rotateDue(machine, log);
    });
  }

  /**
   * Makes a machine's serial port take input from a FIFO, unless it does already. Its socket is no good for that: with somebody
   * connected QEMU 7.2 writes bytes to the log twice whenever the socket is full, and lets the guest wait.
   * @returns the FIFO's path. @throws AppError `unavailable` when the machine does not run; QmpError.
   */
  async openInput(allocationId: string, task: string): Promise<string> {
    const machine = this.#machines().find((one) => one.allocation.id === allocationId && one.place.task === task);
    if (machine === undefined) throw new AppError("unavailable", "the machine does not run");
    const key = keyOf(machine);
    const kept = this.#kept.get(key) ?? this.#meet(machine);
    this.#kept.set(key, kept);
    while (kept.busy !== null) await kept.busy;
    const [serial] = kept.logs;
    if (serial?.by !== "chardev") throw new AppError("unavailable", "the serial port's log is not paddock's");
    const pipe = serialPipe(machine.place.sockets);
    await occupy(kept, async () => {
      if ((await machine.watch.serialEnd()) === "pipe") return;
      await makeSerialPipe(pipe);
      serial.active ??= findActive(machine, serial);
      const log = taskLog(serial.dirs, serial.task, serial.type, serial.active);
      await machine.watch.redirectSerial({ kind: "pipe", path: pipe.prefix }, log);
    });
    return pipe.in;
  }

  #isDue(machine: LoggingMachine, log: Kept): boolean {
    try {
      if (this.#dueSize(machine, log) !== null) return true;
      settle(log);
    } catch (error) {
      this.#tellFailure(log, error);
    }
    return false;
  }

  /** How many bytes a log has that has to go on in another file; null for one that need not. */
  #dueSize(machine: LoggingMachine, log: Kept): number | null {
    if (log.unseen && log.by === "chardev") nameSerialSocket(machine.place.sockets, this.#context.log);
    log.active ??= findActive(machine, log);
    const size = log.clock.look(log.active);
    const grown = Math.max(0, (size ?? 0) - log.size);
    log.size = size ?? 0;
    log.rests = log.type === "stdout" && log.size + RUN_UP * grown < log.limits.maxBytes;
    // A serial log that somebody removed grows on where nobody sees it, until QEMU gets another one.
    if (size === null) return log.by === "chardev" ? 0 : null;
    return size >= log.limits.maxBytes ? size : null;
  }

  async #rotateDue(machine: LoggingMachine, log: Kept): Promise<void> {
    try {
      const size = this.#dueSize(machine, log);
      if (size !== null) await this.#rotate(machine, log, size);
      settle(log);
    } catch (error) {
      this.#tellFailure(log, error);
    }
  }

  #tellFailure(log: Kept, error: unknown): void {
    const fields = { task: log.task, log: log.type, error: errorText(error) };
    if (!log.failed) this.#context.log.warn("a log cannot be rotated; it is tried again", fields);
    log.failed = true;
  }

  async #rotate(machine: LoggingMachine, log: Kept, size: number): Promise<void> {
    const closed = log.active;
    const cutBefore = log.by === "chardev" ? await this.#redirect(machine, log) : moveOn(log);
    log.size = 0;
    const cut = cutBefore + tidyLog(log, log.active ?? 0, log.unseen);
    log.clock.rotated(closed, cut);
    this.#context.log.debug("log rotated", { task: log.task, log: log.type, file: log.active });
    if (log.unseen) this.#tell(machine, log, size, cut);
  }

  /** @returns bytes lost: none. */
  async #redirect({ place, watch }: LoggingMachine, log: Kept): Promise<number> {
    const next = makeNextLog(log, log.active ?? 0);
    const path = taskLog(log.dirs, log.task, log.type, next);
    try {
      const isPipe = (await watch.serialEnd()) === "pipe";
      const end = isPipe ? serialPipe(place.sockets).prefix : nextSerialSocket(place.sockets, next);
      await watch.redirectSerial({ kind: isPipe ? "pipe" : "socket", path: end }, path);
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

/** The log was looked at, and is as it should be. */
function settle(log: Kept): void {
  log.unseen = false;
  log.failed = false;
}

/** Nobody looks at the log from now on. */
function lastLook({ clock, active }: Kept): void {
  clock.look(active);
  clock.flush();
}

async function occupy(kept: KeptMachine, work: () => Promise<void>): Promise<void> {
  const done = work();
  kept.busy = done.catch(() => undefined);
  try {
    await done;
  } finally {
    kept.busy = null;
  }
}

const keyOf = ({ allocation, machine, place }: LoggingMachine): string =>
  `${allocation.id}/${place.task}/${machine.generation}`;

/** QEMU's descriptors 1 and 2 are what it got at its start; a chardev's log has one behind them. */
function findActive({ machine, place }: LoggingMachine, { by, type, dirs, task }: Kept): number {
  const given = type === "stdout" ? 1 : 2;
  const counts = (descriptor: number): boolean => (by === "chardev" ? descriptor > 2 : descriptor === given);
  return openLogIndex(machine.identity.pid, place, type, counts) ?? newestIndex(dirs, task, type);
}
