import { setImmediate } from "node:timers/promises";
import { AppError, errnoOf, errorText } from "../base/errors.ts";
import { type ChangeSignal, createChangeSignal } from "../events/bus.ts";
import { createFeed, type Feed } from "../events/feed.ts";
import { NO_RESERVE, type Reserve } from "./reserve.ts";
import type { Store } from "./store.ts";
import type { Written } from "./written.ts";

const INDEX_FACT = "index";

/** Bytes that something weighs which is not written, about. */
const ANNOUNCED = 4_096;

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
  /** What the last changes wrote. */
  readonly feed: Feed<Written>;
  /** Says that something changed which is not written. */
  announce(written: Written): void;
  /** Runs `work` as one transaction under the next index. @throws StoreError when it cannot be kept, whatever `work` throws otherwise. */
  record<T>(work: (index: number) => T): T;
  /** The same for a change that makes room on the disk, or leads to it: on a full one it gets what was set aside. */
  recordFreeing<T>(work: (index: number) => T): T;
  /** Sets room aside again once there is some. */
  setAside(): void;
  /**
   * The same for a change that nobody is told of and nothing is done about before it is on disk, as `sync` or `durable` says. Whoever waits
   * for a change may see it some moments before.
   */
  recordSoon<T>(work: (index: number) => T): T;
  /** Brings everything that was recorded to the disk, beside this thread. @throws StoreError when it cannot be brought there. */
  sync(): Promise<void>;
  /** The same, together with a change that comes in this turn of the event loop, as at a start: a sync costs as much as all else. */
  durable(): Promise<void>;
}

/** @param reserve where the store's file system is to have some room for what makes room. */
export function createRecorder(store: Store, reserve: Reserve = NO_RESERVE): Recorder {
  reserve.make();
  const changes = createChangeSignal(Number(store.fact(INDEX_FACT) ?? "1"));
  const feed = createFeed<Written>();
  let pending: Written[] = [];
  let weight = 0;
  store.whenChanged((written, size) => {
    pending.push(written);
    weight += size;
  });
  let unsynced = false;
  let syncing: { readonly upTo: number; readonly done: Promise<void> } | null = null;
  const write = <T>(work: (index: number) => T, synced: boolean): T => {
    const index = changes.index + 1;
    [pending, weight] = [[], 0];
    const result = keep(() =>
      store.transaction(() => {
        const value = work(index);
        store.setFact(INDEX_FACT, String(index));
        return value;
      }, synced),
    );
    unsynced = !synced;
    if (pending.length > 0) feed.add({ index, entries: pending }, weight);
    changes.bump();
    return result;
  };
  const bring = async (upTo: number): Promise<void> => {
    try {
      await store.sync();
    } catch (error) {
      if (errnoOf(error) !== "ENOENT") throw new StoreError(error);
      // On a file system that allows no such log a write brings along what was before it.
      keep(() => store.setFact(INDEX_FACT, String(changes.index)));
    } finally {
      if (syncing?.upTo === upTo) syncing = null;
    }
    if (changes.index === upTo) unsynced = false;
  };
  const sync = async (): Promise<void> => {
    const upTo = changes.index;
    if (unsynced && syncing?.upTo !== upTo) syncing = { upTo, done: bring(upTo) };
    if (unsynced) await syncing?.done;
  };
  return {
    changes,
    feed,
    announce: (written) => {
      feed.add({ index: changes.index + 1, entries: [written] }, ANNOUNCED);
      changes.bump();
    },
    record: (work) => write(work, true),
    recordFreeing(work) {
      for (;;) {
        try {
          return write(work, true);
        } catch (error) {
          if (!(error instanceof StoreError) || !reserve.release()) throw error;
        }
      }
    },
    setAside: () => reserve.make(),
    recordSoon: (work) => write(work, false),
    sync,
    durable: async () => {
      if (unsynced) await setImmediate();
      await sync();
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
