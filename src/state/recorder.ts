import { type ChangeSignal, createChangeSignal } from "../events/bus.ts";
import type { Store } from "./store.ts";

const INDEX_FACT = "index";

/** Writes records so that each change has an index of its own and wakes whoever waits for it, after it is on disk. */
export interface Recorder {
  readonly changes: ChangeSignal;
  /** Runs `work` as one transaction under the next index. */
  record<T>(work: (index: number) => T): T;
}

export function createRecorder(store: Store): Recorder {
  const changes = createChangeSignal(Number(store.fact(INDEX_FACT) ?? "1"));
  return {
    changes,
    record: (work) => {
      const index = changes.index + 1;
      const result = store.transaction(() => {
        const value = work(index);
        store.setFact(INDEX_FACT, String(index));
        return value;
      });
      changes.bump();
      return result;
    },
  };
}
