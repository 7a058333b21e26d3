import { closeSync, constants, fstatSync, openSync, writeSync } from "node:fs";
import type { Clock } from "../base/clock.ts";
import { AppError, errnoOf, errorText } from "../base/errors.ts";
import type { Log } from "../base/log.ts";

/** Milliseconds after which a FIFO that is full is tried again. */
const TRY_AGAIN = 20;

/** Takes what is typed to a guest. */
export interface SerialWriter {
  /** @param done called once: with true when QEMU has the bytes, with false when it will not get them. */
  write(data: Uint8Array, done: (taken: boolean) => void): void;
  /** What QEMU has not got by now it does not get. */
  close(): void;
}

/** What was typed and QEMU has not got yet. */
export interface Input {
  readonly data: Uint8Array;
  readonly done: (taken: boolean) => void;
}

/** Writes into the FIFO that a machine's serial port takes input from; it is opened with the first bytes. */
export class SerialInput implements SerialWriter {
  readonly #open: () => Promise<string>;
  readonly #clock: Clock;
  readonly #log: Log;
  #waiting: Input[] = [];
  #fd: number | null = null;
  #opening = false;
  #closed = false;
  #cancel: () => void = () => undefined;

  /** @param open makes the FIFO, if it has to, and gives its path. */
  constructor(open: () => Promise<string>, clock: Clock, log: Log) {
    this.#open = open;
    this.#clock = clock;
    this.#log = log;
  }

  write(data: Uint8Array, done: (taken: boolean) => void): void {
    this.#waiting.push({ data, done });
    this.#flush();
  }

  close(): void {
    this.#closed = true;
    this.#cancel();
    this.#drop();
    if (this.#fd !== null) closeSync(this.#fd);
    this.#fd = null;
  }

  #flush(): void {
    this.#cancel();
    for (let [next] = this.#waiting; next !== undefined && !this.#closed; [next] = this.#waiting) {
      if (this.#fd === null) {
        if (!this.#opening) void this.#openFifo();
        return;
      }
      const count = this.#tryWrite(this.#fd, next.data);
      if (count === null) return;
      const rest = next.data.subarray(count);
      this.#waiting[0] = { ...next, data: rest };
      if (rest.length > 0) continue;
      this.#waiting.shift();
      next.done(true);
    }
  }

  /** Null when nothing can be written now. */
  #tryWrite(fd: number, data: Uint8Array): number | null {
    try {
      return writeSync(fd, data);
    } catch (error) {
      if (errnoOf(error) === "EAGAIN") this.#cancel = this.#clock.after(TRY_AGAIN, () => this.#flush());
      else this.#fail(error);
      return null;
    }
  }

  async #openFifo(): Promise<void> {
    this.#opening = true;
    try {
      const path = await this.#open();
      if (!this.#closed) this.#fd = openFifo(path);
    } catch (error) {
      this.#fail(error);
    }
    this.#opening = false;
    this.#flush();
  }

  #fail(error: unknown): void {
    this.#log.warn("a serial port cannot be written to", { error: errorText(error) });
    if (this.#fd !== null) closeSync(this.#fd);
    this.#fd = null;
    this.#drop();
  }

  #drop(): void {
    const dropped = this.#waiting;
    this.#waiting = [];
    for (const { done } of dropped) done(false);
  }
}

/** @throws AppError `invalid` when it is something else, as a hostile machine may make it; system errors. */
function openFifo(path: string): number {
  const fd = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
  if (fstatSync(fd).isFIFO()) return fd;
  closeSync(fd);
  throw new AppError("invalid", `${path} is not a FIFO`);
}
