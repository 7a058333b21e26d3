import type { Clock } from "../base/clock.ts";
import { errorText } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { StoreError } from "../state/recorder.ts";

/** How long a message waits that could not be kept, in milliseconds. */
const TRY_AGAIN = 1_000;

export interface MailboxOptions {
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Hands messages to one handler, one after the other, also those that are put in meanwhile. A message that the store could not
 * keep (a full disk) stays first and is tried again: nothing that happened to a machine is forgotten. Any other fault is a fault
 * of this program: it is logged, and the machines of other messages do not suffer from it.
 */
export class Mailbox<T> {
  readonly #waiting: T[] = [];
  readonly #handle: (message: T) => void;
  readonly #options: MailboxOptions;
  #busy = false;
  #closed = false;
  /** That the store takes nothing was logged: each machine saying so each second would fill what is full already. */
  #told = false;
  #cancelRetry: () => void = () => undefined;

  constructor(handle: (message: T) => void, options: MailboxOptions) {
    this.#handle = handle;
    this.#options = options;
  }

  /** Is handled before this returns, unless another message is or waits to be tried again. */
  put(message: T): void {
    if (this.#closed) return;
    this.#waiting.push(message);
    if (!this.#busy) this.#drain();
  }

  /** Forgets what waits. */
  close(): void {
    this.#closed = true;
    this.#cancelRetry();
    this.#waiting.length = 0;
  }

  #drain(): void {
    this.#busy = true;
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      if (!this.#try(next)) return;
      this.#waiting.shift();
    }
    this.#busy = false;
  }

  /** False when the message has to wait; the mailbox stays busy until then. */
  #try(message: T): boolean {
    const { clock, log } = this.#options;
    try {
      this.#handle(message);
      this.#told = false;
      return true;
    } catch (error) {
      if (!(error instanceof StoreError)) {
        log.error("a fault of paddock: a message was dropped", { error: errorText(error) });
        return true;
      }
      if (!this.#told) {
        log.error("what happened to a machine cannot be kept; it is tried again each second", { error: error.message });
      }
      this.#told = true;
      this.#cancelRetry = clock.after(TRY_AGAIN, () => this.#drain());
      return false;
    }
  }
}
