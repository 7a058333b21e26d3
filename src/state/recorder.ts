import { setImmediate } from "node:timers/promises";
import { AppError, errnoOf, errorText } from "../base/errors.ts";
import { type ChangeSignal, createChangeSignal } from "../events/bus.ts";
import type { Store } from "./store.ts";

const INDEX_FACT = "index";

/** The store could not keep a change: nothing of it happened. */
export class StoreError extends AppError {
  constructor(cause: unknown) {
    super("unavailable", `the store cannot be written: ${errorText(cause)}`, {
      cause,
      hint: "is there room on the disk of the agent's data_dir, and may it be written?",
    });
    this.name = "StoreError";
  }
}

/** Writes records so that each change has an index of its own and wakes whoever waits for it, after it is on disk. */
export interface Recorder {
  readonly changes: ChangeSignal;
  /** Runs `work` as one transaction under the next index. @throws StoreError when it cannot be kept, whatever `work` throws otherwise. */
  record<T>(work: (index: number) => T): T;
  /**
   * The same for a change that nobody is told of and nothing is done about before `durable` has resolved: its sync of the disk is that of
   * the next change, which at a start comes in the same turn of the event loop. Whoever waits for a change may see it some moments
   * before.
   */
  recordSoon<T>(work: (index: number) => T): T;
  /** Resolves when everything that was recorded is on disk. @throws StoreError when it cannot be brought there. */
  durable(): Promise<void>;
}

export function createRecorder(store: Store): Recorder {
  const changes = createChangeSignal(Number(store.fact(INDEX_FACT) ?? "1"));
  let unsynced = false;
  const write = <T>(work: (index: number) => T, synced: boolean): T => {
    const index = changes.index + 1;
    const result = keep(() =>
      store.transaction(() => {
        const value = work(index);
        store.setFact(INDEX_FACT, String(index));
        return value;
      }, synced),
    );
    unsynced = !synced;
    changes.bump();
    return result;
  };
  return {
    changes,
    record: (work) => write(work, true),
    recordSoon: (work) => write(work, false),
    durable: async () => {
      if (unsynced) await setImmediate();
      if (!unsynced) return;
      keep(() => store.setFact(INDEX_FACT, String(changes.index)));
      unsynced = false;
    },
  };
}

/** SQLite's own failures, by the code that `node:sqlite` gives them; anything else is for the caller. */
function keep<T>(write: () => T): T {
  try {
    return write();
  } catch (error) {
    if (errnoOf(error)?.includes("SQLITE")) throw new StoreError(error);
    throw error;
  }
}
