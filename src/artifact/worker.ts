import { download } from "./download.ts";
import { type FromWorker, packError, type ToWorker } from "./messages.ts";

/** Entry of a Worker that fetches one artifact, so that hashing and disk do not hold up the agent. */
const cancelled = new AbortController();
const post = (message: FromWorker): void => self.postMessage(message);

self.addEventListener("message", (event: MessageEvent<ToWorker>) => {
  if (event.data.kind === "cancel") {
    cancelled.abort();
    return;
  }
  const { plan, stallMillis } = event.data;
  const onProgress = (progress: Extract<FromWorker, { kind: "progress" }>["progress"]): void =>
    post({ kind: "progress", progress });
  download(plan, { signal: cancelled.signal, onProgress, stallMillis }).then(
    (acquired) => post({ kind: "acquired", acquired }),
    (error: unknown) => post({ kind: "failed", error: packError(error) }),
  );
});
