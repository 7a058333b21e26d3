import type { Socket } from "node:net";
import * as v from "valibot";
import { delay, monotonicMillis, systemClock } from "../base/clock.ts";
import { errorText } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { CLOSED_BY_QEMU, closedBy, QmpError } from "./errors.ts";
import { type QmpEvent, readEvent } from "./event.ts";
import { createLineSplitter, parseLine } from "./lines.ts";
import { tryConnect } from "./socket.ts";

export interface ConnectOptions {
  /** Milliseconds for everything up to the monitor being ready: socket, greeting and negotiation. */
  readonly deadlineMillis: number;
  readonly log: Log;
  /** Called for every event, also for those that come before the greeting or during negotiation. */
  readonly onEvent: (event: QmpEvent) => void;
  /** Called once when the connection of a client that was handed out is over, also by `close()`; `reason` is for people. */
  readonly onClose: (reason: string) => void;
  /** Gives up waiting for the monitor. */
  readonly signal?: AbortSignal | undefined;
  /** The uid that must have made the socket; no link in its place is followed then. */
  readonly owner?: number | undefined;
}

/** A connection to a machine's monitor, held for the machine's life: QEMU serves one client per monitor. */
export interface QmpClient {
  readonly closed: boolean;
  /**
   * Sends a command and waits for its answer.
   * @returns the `return` member as it came; the caller validates it.
   * @throws QmpError `refused`, `timed_out` or `disconnected`.
   */
  execute(
    command: string,
    args: Readonly<Record<string, unknown>> | undefined,
    options: { readonly deadlineMillis: number },
  ): Promise<unknown>;
  /** Drops the connection; the machine runs on. */
  close(): void;
}

interface Pending {
  readonly command: string;
  settle(answer: { readonly value: unknown } | QmpError): void;
}

const Greeting = v.object({ QMP: v.looseObject({}) });
const ErrorAnswer = v.object({ error: v.object({ class: v.pipe(v.string(), v.maxLength(128)), desc: v.string() }) });
const AnswerId = v.object({ id: v.pipe(v.number(), v.integer()) });

/** A socket that is not there yet is tried again after this many milliseconds: QEMU makes it about 50 ms after its start. */
const RETRY_MILLIS = 10;
/** Not there yet, or there and nobody listens yet. */
const RETRIED = new Set(["ENOENT", "ECONNREFUSED", "EAGAIN"]);
/** Junk beyond this many lines is dropped without a word, or a hostile QEMU could fill the agent's log. */
const JUNK_LOGGED = 5;
const TRANSCRIPT_LIMIT = 300;

/**
 * Connects to the QMP socket of a machine and negotiates; waits for a socket that does not exist yet or refuses.
 * @param path the unix socket, at most 108 bytes.
 * @throws QmpError `timed_out` when the monitor was not ready in time, `disconnected` when it went away meanwhile or cannot be
 * reached at all, `aborted` by the signal.
 */
export async function connectQmp(path: string, options: ConnectOptions): Promise<QmpClient> {
  const end = monotonicMillis() + options.deadlineMillis;
  const socket = await openSocket(path, end, options);
  const connection = new Connection(socket, options);
  try {
    await connection.negotiate(Math.max(0, end - monotonicMillis()), options.signal);
  } catch (error) {
    connection.close();
    throw error;
  }
  return connection;
}

async function openSocket(path: string, end: number, { signal, owner }: ConnectOptions): Promise<Socket> {
  for (;;) {
    if (signal?.aborted) throw aborted();
    const outcome = await tryConnect(path, { millis: Math.max(1, end - monotonicMillis()), signal, owner });
    if (typeof outcome !== "string") return outcome;
    if (signal?.aborted) throw aborted();
    if (outcome !== "ETIMEDOUT" && !RETRIED.has(outcome)) {
      throw new QmpError("disconnected", `cannot reach the monitor at ${path}: ${outcome}`);
    }
    if (monotonicMillis() + RETRY_MILLIS >= end) {
      throw new QmpError("timed_out", `the monitor at ${path} did not open in time: ${outcome}`);
    }
    await delay(RETRY_MILLIS);
  }
}

const aborted = (): QmpError => new QmpError("aborted", "waiting for the monitor was given up");

class Connection implements QmpClient {
  readonly #socket: Socket;
  readonly #options: ConnectOptions;
  readonly #splitter = createLineSplitter();
  readonly #pending = new Map<number, Pending>();
  #lastId = 0;
  #junk = 0;
  #closed = false;
  #handedOut = false;
  #onGreeting: (answer: { readonly value: unknown } | QmpError) => void = () => undefined;

  constructor(socket: Socket, options: ConnectOptions) {
    this.#socket = socket;
    this.#options = options;
    socket.on("data", (chunk: Uint8Array) => this.#receive(chunk));
    socket.on("error", (error) => this.#shut(closedBy(error)));
    socket.on("end", () => this.#shut(CLOSED_BY_QEMU));
    socket.on("close", () => this.#shut(CLOSED_BY_QEMU));
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Greeting, then `qmp_capabilities`; only then does QEMU take commands. */
  async negotiate(millis: number, signal: AbortSignal | undefined): Promise<void> {
    const end = monotonicMillis() + millis;
    const giveUp = (): void => this.#shut("given up");
    signal?.addEventListener("abort", giveUp, { once: true });
    try {
      await this.#await("greeting", millis, (settle) => {
        this.#onGreeting = settle;
      });
      await this.execute("qmp_capabilities", undefined, { deadlineMillis: Math.max(1, end - monotonicMillis()) });
      this.#handedOut = true;
    } catch (error) {
      throw signal?.aborted ? aborted() : error;
    } finally {
      signal?.removeEventListener("abort", giveUp);
    }
  }

  async execute(
    command: string,
    args: Readonly<Record<string, unknown>> | undefined,
    options: { readonly deadlineMillis: number },
  ): Promise<unknown> {
    if (this.#closed) throw new QmpError("disconnected", `${command}: the monitor is not connected`);
    const id = ++this.#lastId;
    try {
      return await this.#await(command, options.deadlineMillis, (settle) => {
        this.#pending.set(id, { command, settle });
        const line = JSON.stringify({ execute: command, ...(args === undefined ? {} : { arguments: args }), id });
        this.#transcribe("sent", line);
        this.#socket.write(`${line}\n`);
      });
    } finally {
      this.#pending.delete(id);
    }
  }

  close(): void {
    this.#shut("closed by the agent");
  }

  /** Waits for one answer, for at most `millis`. */
  #await(
    what: string,
    millis: number,
    begin: (settle: (answer: { readonly value: unknown } | QmpError) => void) => void,
  ): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const cancel = systemClock.after(millis, () =>
        reject(new QmpError("timed_out", `${what}: no answer from the monitor within ${Math.round(millis)} ms`)),
      );
      begin((answer) => {
        cancel();
        if (answer instanceof QmpError) reject(answer);
        else resolve(answer.value);
      });
      if (this.#closed) {
        cancel();
        reject(new QmpError("disconnected", `${what}: the monitor is not connected`));
      }
    });
  }

  #receive(chunk: Uint8Array): void {
    if (this.#closed) return;
    const lines = this.#splitter.push(chunk);
    if (lines === null) {
      this.#shut("a line of the monitor is longer than 16 MiB");
      return;
    }
    for (const line of lines) {
      if (this.#closed) return;
      this.#transcribe("received", line);
      this.#dispatch(parseLine(line), line);
    }
  }

  #dispatch(value: unknown, line: string): void {
    const event = readEvent(value);
    if (event !== undefined) this.#emit(event);
    else if (v.is(Greeting, value)) this.#onGreeting({ value });
    else if (!this.#answer(value)) this.#drop(line);
  }

  /** @returns false when nobody waits for this. */
  #answer(value: unknown): boolean {
    const id = v.safeParse(AnswerId, value);
    const pending = id.success ? this.#pending.get(id.output.id) : undefined;
    const answer = pending === undefined ? undefined : readAnswer(pending.command, value);
    if (pending === undefined || answer === undefined) return false;
    pending.settle(answer);
    return true;
  }

  #emit(event: QmpEvent): void {
    try {
      this.#options.onEvent(event);
    } catch (error) {
      this.#options.log.error("an event could not be handled", { event: event.name, error: errorText(error) });
    }
  }

  /** A late answer, one that nobody asked for, or junk. */
  #drop(line: string): void {
    if (++this.#junk > JUNK_LOGGED) return;
    this.#options.log.warn("the monitor sent a line that means nothing here", { line: cut(line) });
  }

  #shut(reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#socket.destroy();
    const gone = (what: string): QmpError => new QmpError("disconnected", `${what}: monitor lost: ${reason}`);
    this.#onGreeting(gone("greeting"));
    for (const { command, settle } of [...this.#pending.values()]) settle(gone(command));
    this.#pending.clear();
    if (!this.#handedOut) return;
    try {
      this.#options.onClose(reason);
    } catch (error) {
      this.#options.log.error("the end of a monitor could not be handled", { error: errorText(error) });
    }
  }

  #transcribe(direction: string, line: string): void {
    this.#options.log.debug(direction, { line: cut(line) });
  }
}

function readAnswer(command: string, value: unknown): { readonly value: unknown } | QmpError | undefined {
  const failed = v.safeParse(ErrorAnswer, value);
  if (failed.success) return QmpError.answered(command, failed.output.error.class, failed.output.error.desc);
  if (typeof value !== "object" || value === null || !("return" in value)) return undefined;
  return { value: value.return };
}

const cut = (line: string): string => (line.length > TRANSCRIPT_LIMIT ? `${line.slice(0, TRANSCRIPT_LIMIT)}…` : line);
