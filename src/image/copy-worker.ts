import { errorText } from "../base/errors.ts";
import { copyImage } from "./copy.ts";
import type { FromCopier, ToCopier } from "./copy-messages.ts";

/** Entry of a Worker that copies one image. */
const cancelled = new AbortController();
const post = (message: FromCopier): void => self.postMessage(message);

self.addEventListener("message", ({ data }: MessageEvent<ToCopier>) => {
  if (data.kind === "cancel") {
    cancelled.abort();
    return;
  }
  copyImage(data.task, cancelled.signal).then(
    (why) => post(why === null ? { kind: "done" } : { kind: "no room", why }),
    (error: unknown) => post({ kind: "failed", message: errorText(error) }),
  );
});
