import { errorText } from "../base/errors.ts";
import { rehash } from "./rehash.ts";
import type { FromVerifier, VerifyTask } from "./verify-messages.ts";

/** Bytes between two reports of progress. */
const REPORT_EVERY = 16 << 20;

/** Entry of a Worker that reads one entry again; it leaves nothing behind, so it is simply cut off when nobody wants to know. */
const post = (message: FromVerifier): void => self.postMessage(message);

self.addEventListener("message", ({ data }: MessageEvent<VerifyTask>) => {
  let told = 0;
  const onBytes = (bytes: number): void => {
    if (bytes - told < REPORT_EVERY) return;
    told = bytes;
    post({ kind: "progress", bytes });
  };
  rehash(data, onBytes, new AbortController().signal).then(
    (trouble) => post({ kind: "done", trouble }),
    (error: unknown) => post({ kind: "failed", message: errorText(error) }),
  );
});
