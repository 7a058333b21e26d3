import { LEAVE } from "./download/download.ts";
import { type FromWorker, packError, type ToWorker } from "./messages.ts";
import { perform } from "./task.ts";

/** Entry of a Worker that fetches or places one artifact, so that hashing and disk do not hold up the agent. */
const cancelled = new AbortController();
const post = (message: FromWorker): void => self.postMessage(message);

self.addEventListener("message", (event: MessageEvent<ToWorker>) => {
  if (event.data.kind === "cancel") {
    cancelled.abort(event.data.keep ? LEAVE : undefined);
    return;
  }
  const { task, stallMillis, retry, ranges } = event.data;
  perform(task, {
    signal: cancelled.signal,
    onProgress: (progress) => post({ kind: "progress", progress }),
    onRetry: (again) => post({ kind: "retry", retry: again }),
    onDamaged: (message) => post({ kind: "damaged", message }),
    stallMillis,
    retry,
    ranges,
  }).then(
    (outcome) => post({ kind: "done", outcome }),
    (error: unknown) => post({ kind: "failed", error: packError(error) }),
  );
});
