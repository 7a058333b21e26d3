import { randomInt } from "node:crypto";
import type { Socket } from "node:net";
import * as v from "valibot";
import { monotonicMillis, systemClock } from "../base/clock.ts";
import { errnoOf, errorText } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { escapeControls } from "../base/text.ts";
import { createLineSplitter, parseLine } from "./lines.ts";
import { tryConnect } from "./socket.ts";

export interface GuestAgentOptions {
  /** Milliseconds for all of it. */
  readonly deadlineMillis: number;
  readonly log: Log;
  /** Gives up. */
  readonly signal?: AbortSignal | undefined;
  /** The uid that must have made the socket. */
  readonly owner?: number | undefined;
}

/** What a guest agent made of an order. */
export interface GuestAgentAnswer {
  /** In words for the receipt; what the guest wrote in it is cut and made harmless. */
  readonly words: string;
  /** Whether the agent has taken the order on: it said so, or the channel closed behind it. */
  readonly accepted: boolean;
}

/** Put before a synchronising request and in answers to one: no JSON has this byte, so what came before it is done with. */
const SENTINEL = 0xff;
const NEWLINE = 0x0a;
/** An agent's answers to what is asked here have some 40 bytes; a guest that sends more than this is not listened to. */
const MOST_BYTES = 64 << 10;
const WORDS_LIMIT = 200;
/** Ids that a JSON parser in C keeps exact. */
const ID_LIMIT = 2 ** 31;

const Synchronised = v.object({ return: v.number() });
const Refused = v.object({ error: v.object({ desc: v.string() }) });

/**
 * Asks the agent in the guest to power it off. `guest-sync-delimited` is its sign of life, with an id that no earlier answer
 * can have; `guest-shutdown` itself is answered only when it fails, so a `guest-sync` behind it tells that it did not. Never
 * throws and never takes longer than its deadline.
 * @param path the unix socket of the channel; it serves one client at a time, so this one goes again at once.
 */
export async function shutdownByGuestAgent(path: string, options: GuestAgentOptions): Promise<GuestAgentAnswer> {
  const end = monotonicMillis() + options.deadlineMillis;
  const socket = await tryConnect(path, {
    millis: options.deadlineMillis,
    signal: options.signal,
    owner: options.owner,
  });
  if (typeof socket === "string") return { words: `its channel cannot be reached: ${socket}`, accepted: false };
  const talk = new Conversation(socket, end, options);
  try {
    return await talk.powerDown();
  } finally {
    talk.close();
  }
}

/** Why waiting for an answer ended. */
type Heard =
  | { readonly kind: "synchronised" }
  | { readonly kind: "refused"; readonly words: string }
  | { readonly kind: "silent" }
  | { readonly kind: "closed" }
  | { readonly kind: "flood" };

class Conversation {
  readonly #socket: Socket;
  readonly #end: number;
  readonly #options: GuestAgentOptions;
  readonly #splitter = createLineSplitter(MOST_BYTES);
  #bytes = 0;
  /** What ends the talk whatever is waited for. */
  #over: Heard | null = null;
  #onLine: (line: string) => void = () => undefined;
  #onOver: (why: Heard) => void = () => undefined;

  constructor(socket: Socket, end: number, options: GuestAgentOptions) {
    this.#socket = socket;
    this.#end = end;
    this.#options = options;
    socket.on("data", (chunk: Uint8Array) => this.#receive(chunk));
    socket.on("error", (error) => this.#finish({ kind: "closed" }, errnoOf(error) ?? errorText(error)));
    socket.on("close", () => this.#finish({ kind: "closed" }, "closed"));
    options.signal?.addEventListener("abort", this.#giveUp, { once: true });
  }

  async powerDown(): Promise<GuestAgentAnswer> {
    const hello = randomInt(ID_LIMIT);
    this.#socket.write(Buffer.from([SENTINEL]));
    this.#send("guest-sync-delimited", { id: hello });
    // Whatever comes before its own answer is of no account: an agent answers the sentinel, too, with an error.
    const alive = await this.#listen(hello, false);
    if (alive.kind !== "synchronised") return { words: describeSilence(alive), accepted: false };
    const fence = randomInt(ID_LIMIT);
    this.#send("guest-shutdown", { mode: "powerdown" });
    this.#send("guest-sync", { id: fence });
    return describeOutcome(await this.#listen(fence, true));
  }

  close(): void {
    this.#options.signal?.removeEventListener("abort", this.#giveUp);
    this.#socket.destroy();
  }

  readonly #giveUp = (): void => this.#finish({ kind: "closed" }, "given up");

  #send(command: string, args: Readonly<Record<string, unknown>>): void {
    const line = JSON.stringify({ execute: command, arguments: args });
    this.#options.log.debug("sent", { line });
    this.#socket.write(`${line}\n`);
  }

  /** Waits for the answer with this id, or for an error where that is an answer. */
  #listen(id: number, errorsCount: boolean): Promise<Heard> {
    if (this.#over !== null) return Promise.resolve(this.#over);
    return new Promise((resolve) => {
      const cancel = systemClock.after(Math.max(0, this.#end - monotonicMillis()), () => settle({ kind: "silent" }));
      const settle = (heard: Heard): void => {
        cancel();
        this.#onLine = () => undefined;
        this.#onOver = () => undefined;
        resolve(heard);
      };
      this.#onOver = settle;
      this.#onLine = (line) => {
        const value = parseLine(line);
        const answer = v.safeParse(Synchronised, value);
        if (answer.success && answer.output.return === id) settle({ kind: "synchronised" });
        const failed = v.safeParse(Refused, value);
        if (errorsCount && failed.success) settle({ kind: "refused", words: failed.output.error.desc });
      };
    });
  }

  #receive(chunk: Uint8Array): void {
    this.#bytes += chunk.length;
    const lines = this.#splitter.push(chunk.map((byte) => (byte === SENTINEL ? NEWLINE : byte)));
    if (lines === null || this.#bytes > MOST_BYTES) {
      this.#finish({ kind: "flood" }, "flood");
      return;
    }
    for (const line of lines) {
      this.#options.log.debug("received", { line: line.slice(0, WORDS_LIMIT) });
      this.#onLine(line);
    }
  }

  #finish(why: Heard, reason: string): void {
    if (this.#over !== null) return;
    this.#over = why;
    this.#options.log.debug("guest agent: over", { reason });
    this.#socket.destroy();
    this.#onOver(why);
  }
}

function describeSilence(heard: Exclude<Heard, { kind: "synchronised" }>): string {
  switch (heard.kind) {
    case "silent":
      return "no answer in time";
    case "closed":
      return "its channel closed before it answered";
    case "flood":
      return "its channel brings no answer but a flood of other bytes";
    case "refused":
      return refusal(heard.words);
  }
}

function describeOutcome(heard: Heard): GuestAgentAnswer {
  switch (heard.kind) {
    case "synchronised":
      return { words: "accepted", accepted: true };
    case "closed":
      return { words: "accepted; its channel closed then", accepted: true };
    case "silent":
      return { words: "was told to shut down and said nothing more", accepted: false };
    case "flood":
    case "refused":
      return { words: describeSilence(heard), accepted: false };
  }
}

const refusal = (words: string): string => `refused: ${escapeControls(words.slice(0, WORDS_LIMIT))}`;
