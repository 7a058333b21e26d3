/** Tells whoever waits that something changed; carries no data, readers look at the store. */
export interface ChangeSignal {
  /** Grows with every change; Nomad's index. */
  readonly index: number;
  /** Says that something changed. */
  bump(): number;
  /** Resolves with the index once it is above `than`, or when `signal` aborts. */
  waitAbove(than: number, signal: AbortSignal): Promise<number>;
}

/** @param start the index to go on from, at least 1. */
export function createChangeSignal(start: number): ChangeSignal {
  let index = Math.max(1, start);
  const waiters = new Set<() => void>();
  return {
    get index() {
      return index;
    },
    bump() {
      index++;
      for (const wake of [...waiters]) wake();
      return index;
    },
    waitAbove(than, signal) {
      return new Promise((resolve) => {
        const check = (): void => {
          if (index <= than && !signal.aborted) return;
          waiters.delete(check);
          signal.removeEventListener("abort", check);
          resolve(index);
        };
        waiters.add(check);
        signal.addEventListener("abort", check, { once: true });
        check();
      });
    },
  };
}
