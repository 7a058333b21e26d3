import { closeSync } from "node:fs";
import type { DiskFault } from "../allocation/disk-fault.ts";
import type { ProcessIdentity } from "../allocation/machine.ts";
import { type Clock, delay, monotonicMillis, untilBeat } from "../base/clock.ts";
import { AppError, errorText } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { connectQmp, type QmpClient } from "../qmp/client.ts";
import {
  changeSerial,
  infoUserNetwork,
  queryBlockFault,
  querySerial,
  queryStatus,
  type SerialEnd,
} from "../qmp/commands.ts";
import type { QmpEvent } from "../qmp/event.ts";
import { awaitExit, type ExitNotice, openPidfd } from "../runtime/pidfd.ts";
import type { Child } from "../runtime/spawn.ts";
import { isAlive } from "./identity.ts";

/** How often a machine that we are not the parent of is looked at when nothing hints at its end, in milliseconds. */
const SWEEP_EVERY = 1_000;
/** While the kernel or the monitor's close tells at once; then this is only for an end that nothing told. */
const TOLD_SWEEP = 30_000;
/** QEMU closes its monitor some milliseconds before its process is gone; looked at again after these. */
const CLOSE_LOOKS = [1, 2, 4, 8, 15, 30, 60, 120];
const CONNECT_DEADLINE = 10_000;
const RECONNECT_PAUSE = 1_000;
const COMMAND_DEADLINE = 5_000;
const CONNECTED_LOOK = 20;
/** Events after which `query-status` may answer otherwise. */
const STATUS_EVENTS = new Set([
  "STOP",
  "RESUME",
  "RESET",
  "SHUTDOWN",
  "GUEST_PANICKED",
  "BLOCK_IO_ERROR",
  "WATCHDOG",
  "SUSPEND",
  "WAKEUP",
]);

export interface WatchListener {
  /** @param fault of `io-error`, where QEMU told. */
  onStatus(status: string, fault?: DiskFault): void;
  onShutdown(reason: string): void;
  /** The guest's kernel panicked. @param action what QEMU does about it: `poweroff`, `pause`, `run`. */
  onPanic(action: string): void;
  /** The wrapper that this agent started is gone and QEMU lives on: nobody will write down how it ends. */
  onOrphaned(): void;
  /** The process is certainly gone; called once. */
  onGone(): void;
}

export interface WatchOptions {
  readonly identity: ProcessIdentity;
  readonly bootId: string;
  readonly qmpSocket: string;
  /** The uid that the machine runs as. */
  readonly owner: number | undefined;
  /** The wrapper, when this agent started it. */
  readonly child: Child | null;
  readonly listener: WatchListener;
  readonly clock: Clock;
  readonly log: Log;
}

/** Holds a machine's monitor for its life and notices its end. */
export class Watch {
  readonly #options: WatchOptions;
  readonly #stop = new AbortController();
  #client: QmpClient | null = null;
  #gone = false;
  /** Counts the questions for the guest's status. */
  #turn = 0;
  #cancelSweep: () => void = () => undefined;
  #exitNotice: ExitNotice | null = null;

  constructor(options: WatchOptions) {
    this.#options = options;
    if (options.child !== null) void options.child.exited.then(() => this.#lookForOrphan());
    void this.#awaitExit();
    this.#sweep();
    void this.#holdMonitor();
  }

  /** Lets go of the monitor and stops looking; the machine runs on. */
  close(): void {
    this.#stop.abort();
    this.#cancelSweep();
    this.#exitNotice?.cancel();
    this.#exitNotice = null;
    this.#client?.close();
    this.#client = null;
  }

  /** The machine's monitor; null while it is not connected. */
  get monitor(): QmpClient | null {
    return this.#client;
  }

  /** Aborts when the machine is gone or let go of. */
  get released(): AbortSignal {
    return this.#stop.signal;
  }

  /**
   * Lets the serial port go on at a new end and in a new log.
   * @throws AppError `unavailable` when nothing was sent, otherwise QmpError: unless it is `refused` it may have happened.
   */
  async redirectSerial(end: SerialEnd, logfile: string): Promise<void> {
    await changeSerial(await this.awaitMonitor(), { end, logfile }, COMMAND_DEADLINE);
  }

  /** What the serial port's bytes go through. @throws as `redirectSerial` does. */
  async serialEnd(): Promise<SerialEnd["kind"]> {
    return await querySerial(await this.awaitMonitor(), COMMAND_DEADLINE);
  }

  /** What QEMU's user network does, for `parseUserNetwork`. @throws AppError `unavailable`, or QmpError. */
  async userNetwork(): Promise<string> {
    return await infoUserNetwork(await this.awaitMonitor(), COMMAND_DEADLINE);
  }

  /** Asks the monitor. @throws AppError `unavailable` at once when it is not connected, otherwise what `work` throws. */
  async ask<T>(work: (client: QmpClient) => Promise<T>): Promise<T> {
    if (this.#client === null) throw new AppError("unavailable", "the monitor is not connected");
    return await work(this.#client);
  }

  /** A monitor that is being connected to, as just after an adoption, is waited for. @throws AppError `unavailable`. */
  async awaitMonitor(): Promise<QmpClient> {
    const deadline = monotonicMillis() + COMMAND_DEADLINE;
    while (this.#client === null) {
      if (this.#stop.signal.aborted || monotonicMillis() > deadline) {
        throw new AppError("unavailable", "the monitor is not connected");
      }
      await delay(CONNECTED_LOOK, this.#options.clock);
    }
    return this.#client;
  }

  async #holdMonitor(): Promise<void> {
    const { log, clock } = this.#options;
    while (!this.#stop.signal.aborted && !this.#gone) {
      try {
        await this.#connectOnce();
      } catch (error) {
        // A QEMU that refuses its arguments closes its monitor a moment before it is gone.
        await this.#lookAfterClose();
        if (this.#stop.signal.aborted || this.#gone) return;
        log.debug("monitor not reached", { error: errorText(error) });
        this.#options.listener.onStatus("unreachable");
        await delay(RECONNECT_PAUSE, clock);
      }
    }
  }

  /** Resolves when the connection has ended. @throws when it cannot be made. */
  async #connectOnce(): Promise<void> {
    const { qmpSocket, owner, log } = this.#options;
    let closed: () => void = () => undefined;
    const ended = new Promise<void>((resolve) => {
      closed = resolve;
    });
    const client = await connectQmp(qmpSocket, {
      deadlineMillis: CONNECT_DEADLINE,
      signal: this.#stop.signal,
      owner,
      log,
      onEvent: (event) => this.#onEvent(event),
      onClose: () => closed(),
    });
    if (this.#stop.signal.aborted) {
      client.close();
      return;
    }
    this.#client = client;
    await this.#askStatus();
    await ended;
    this.#client = null;
    await this.#lookAfterClose();
  }

  #onEvent(event: QmpEvent): void {
    if (event.name === "SHUTDOWN") {
      const reason = event.data["reason"];
      this.#options.listener.onShutdown(typeof reason === "string" ? reason : "");
    }
    if (event.name === "GUEST_PANICKED") this.#options.listener.onPanic(String(event.data["action"]));
    if (STATUS_EVENTS.has(event.name)) void this.#askStatus();
  }

  async #askStatus(): Promise<void> {
    const client = this.#client;
    if (client === null) return;
    const turn = ++this.#turn;
    try {
      const { status } = await queryStatus(client, COMMAND_DEADLINE);
      if (status === "io-error") await this.#askFault(client, turn);
      else if (!this.#gone) this.#options.listener.onStatus(status);
    } catch (error) {
      this.#options.log.debug("query-status not answered", { error: errorText(error) });
    }
  }

  async #askFault(client: QmpClient, turn: number): Promise<void> {
    const { log, listener } = this.#options;
    const fault = await queryBlockFault(client, COMMAND_DEADLINE).catch((error: unknown) => {
      log.debug("query-block not answered", { error: errorText(error) });
      return null;
    });
    // What two questions have found out is old by the time that a later one is asked.
    if (!this.#gone && turn === this.#turn) listener.onStatus("io-error", fault ?? undefined);
  }

  #lookForOrphan(): void {
    if (!this.#look() && !this.#stop.signal.aborted) this.#options.listener.onOrphaned();
  }

  async #lookAfterClose(): Promise<void> {
    for (const pause of CLOSE_LOOKS) {
      if (this.#look() || this.#stop.signal.aborted) return;
      await delay(pause, this.#options.clock);
    }
  }

  async #awaitExit(): Promise<void> {
    const fd = await openPidfd(this.#options.identity.pid);
    if (fd === null || this.#look() || this.#stop.signal.aborted) {
      if (fd !== null) closeSync(fd);
      return;
    }
    const notice = await awaitExit(fd, () => {
      this.#exitNotice = null;
      this.#look();
    });
    if (this.#stop.signal.aborted) notice?.cancel();
    else this.#exitNotice = notice;
  }

  #sweep(): void {
    const told = this.#client !== null || this.#exitNotice !== null;
    this.#cancelSweep = this.#options.clock.after(told ? untilBeat(TOLD_SWEEP) : SWEEP_EVERY, () => {
      if (!this.#look() && !this.#stop.signal.aborted) this.#sweep();
    });
  }

  /** True once the process is gone; tells the listener the first time. */
  #look(): boolean {
    if (this.#gone) return true;
    if (this.#stop.signal.aborted || isAlive(this.#options.identity, this.#options.bootId)) return false;
    this.#gone = true;
    this.close();
    this.#options.listener.onGone();
    return true;
  }
}
