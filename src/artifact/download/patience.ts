import type { AppError } from "../../base/errors.ts";
import { PassingTrouble } from "../failure.ts";
import { pause, pauseMillis, type Retry, type RetryRule } from "./retry.ts";

export interface Patience {
  readonly retry: RetryRule;
  readonly signal: AbortSignal;
  readonly onRetry: (retry: Retry) => void;
}

/**
 * Does something again that begins anew each time, as long as its trouble may pass.
 * @param cancelled makes what is thrown once the signal aborts.
 * @throws what `work` throws.
 */
export async function patiently<T>(
  { retry, signal, onRetry }: Patience,
  cancelled: () => AppError,
  work: () => Promise<T>,
): Promise<T> {
  for (let failures = 1; ; failures++) {
    try {
      return await work();
    } catch (error) {
      if (signal.aborted) throw cancelled();
      if (!(error instanceof PassingTrouble) || failures >= retry.tries) throw error;
      const millis = pauseMillis(retry, failures, error.afterMillis);
      onRetry({ message: error.message, bytes: 0, millis });
      await pause(millis, signal).catch(() => {
        throw cancelled();
      });
    }
  }
}
