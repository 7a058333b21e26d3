import { LEAVE } from "./download.ts";
import { type FromWorker, packError, type ToWorker } from "./messages.ts";
import type { Retry } from "./retry.ts";
import { fetchAndUnpack } from "./unpack.ts";

/** Entry of a Worker that fetches one artifact, so that hashing and disk do not hold up the agent. */
const cancelled = new AbortController();
const post = (message: FromWorker): void => self.postMessage(message);

self.addEventListener("message", (event: MessageEvent<ToWorker>) => {
  if (event.data.kind === "cancel") {
    cancelled.abort(event.data.keep ? LEAVE : undefined);
    return;
  }
  const { plan, stallMillis, retry: rule } = event.data;
  const onProgress = (progress: Extract<FromWorker, { kind: "progress" }>["progress"]): void =>
    post({ kind: "progress", progress });
  const onRetry = (retry: Retry): void => post({ kind: "retry", retry });
  fetchAndUnpack(plan, { signal: cancelled.signal, onProgress, onRetry, stallMillis, retry: rule }).then(
    (acquired) => post({ kind: "acquired", acquired }),
    (error: unknown) => post({ kind: "failed", error: packError(error) }),
  );
});
