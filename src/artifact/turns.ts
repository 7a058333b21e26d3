/** Lets so many at a time do something; the others wait, in the order in which they came. */
export interface Turns {
  /**
   * Waits for a turn.
   * @param onWait called with how many are before the caller when it has to wait.
   * @returns a function that ends the turn; every call but the first does nothing. @throws the signal's reason.
   */
  take(signal: AbortSignal, onWait?: (before: number) => void): Promise<() => void>;
}

/** @param most at a time, from 1. */
export function createTurns(most: number): Turns {
  let taken = 0;
  const waiting = new Set<() => void>();
  const pass = (): void => {
    const [next] = waiting;
    if (next === undefined) taken--;
    else {
      waiting.delete(next);
      next();
    }
  };
  const once = (): (() => void) => {
    let over = false;
    return () => {
      if (over) return;
      over = true;
      pass();
    };
  };
  return {
    async take(signal, onWait) {
      signal.throwIfAborted();
      if (taken < most) {
        taken++;
        return once();
      }
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      onWait?.(taken + waiting.size);
      waiting.add(resolve);
      const leave = (): void => {
        // Whoever was let in meanwhile has a turn to end.
        if (waiting.delete(resolve)) reject(signal.reason);
      };
      signal.addEventListener("abort", leave, { once: true });
      try {
        await promise;
      } finally {
        signal.removeEventListener("abort", leave);
      }
      return once();
    },
  };
}
