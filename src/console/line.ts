import { connect, type Socket } from "node:net";
import { type Clock, systemClock } from "../base/clock.ts";
import { errorText } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { type PinnedSocket, pinSocket } from "../base/pinned-socket.ts";
import type { Input, SerialWriter } from "./input.ts";

/** Pauses before the socket is tried again, in milliseconds: a machine that is started again is not there at once. */
const TRY_AGAIN = [5, 10, 20, 50, 100, 200, 500];

export interface SerialLineOptions {
  /** The path that QEMU listens at. */
  readonly path: string;
  /** The uid that must have made the socket. */
  readonly owner: () => number;
  /** What the guest writes while the line is held. */
  readonly onData: (data: Uint8Array) => void;
  readonly log: Log;
  readonly clock?: Clock;
}

/**
 * Holds the one connection that QEMU serves at the socket of a serial port without a log, and makes it anew whenever QEMU lets go of
 * it. Everything is read at once: QEMU lets the guest wait for a reader that is slow.
 */
export class SerialLine implements SerialWriter {
  readonly #options: SerialLineOptions;
  readonly #clock: Clock;
  #socket: Socket | null = null;
  #connected = false;
  #waiting: Input[] = [];
  #underway: Input[] = [];
  #failures = 0;
  #cancel: () => void = () => undefined;
  #closed = false;

  constructor(options: SerialLineOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#open();
  }

  write(data: Uint8Array, done: (taken: boolean) => void): void {
    this.#waiting.push({ data, done });
    this.#flush();
  }

  /** Resolves once QEMU's end of the connection is closed and everything was read; at once when there is none. */
  disconnected(): Promise<void> {
    const socket = this.#socket;
    if (socket === null || socket.closed) return Promise.resolve();
    return new Promise((resolve) => socket.once("close", () => resolve()));
  }

  /** Lets go of the socket, so that others can have it. */
  close(): void {
    this.#closed = true;
    this.#cancel();
    this.#socket?.destroy();
    const dropped = [...this.#underway, ...this.#waiting];
    [this.#underway, this.#waiting] = [[], []];
    for (const { done } of dropped) done(false);
  }

  #open(): void {
    let pinned: PinnedSocket;
    try {
      pinned = pinSocket(this.#options.path, this.#options.owner());
    } catch (error) {
      this.#options.log.debug("the serial port's socket is not there", { error: errorText(error) });
      this.#tryAgain();
      return;
    }
    const socket = connect(pinned.path);
    this.#socket = socket;
    const release = once(pinned.release);
    socket.on("connect", () => {
      release();
      this.#connected = true;
      this.#failures = 0;
      this.#flush();
    });
    socket.on("data", (data: Buffer) => this.#options.onData(data));
    socket.on("error", (error) => {
      this.#options.log.debug("the serial port's connection broke", { error: errorText(error) });
    });
    socket.on("close", () => {
      release();
      this.#connected = false;
      this.#waiting = [...this.#underway, ...this.#waiting];
      this.#underway = [];
      if (!this.#closed) this.#tryAgain();
    });
  }

  #tryAgain(): void {
    const pause = TRY_AGAIN[Math.min(this.#failures++, TRY_AGAIN.length - 1)] ?? 0;
    this.#cancel = this.#clock.after(pause, () => this.#open());
  }

  #flush(): void {
    while (this.#connected && this.#waiting.length > 0) {
      const input = this.#waiting.shift();
      if (input === undefined) return;
      this.#underway.push(input);
      this.#socket?.write(input.data, (error) => {
        // What was not written goes again when the connection is there again.
        if (error || !this.#underway.includes(input)) return;
        this.#underway = this.#underway.filter((other) => other !== input);
        input.done(true);
      });
    }
  }
}

function once(work: () => void): () => void {
  let done = false;
  return () => {
    if (done) return;
    done = true;
    work();
  };
}
