import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import type { ToWorker } from "../../../src/artifact/messages.ts";

/** An artifact's Worker that is in the middle of unpacking and hears no cancellation. */
self.addEventListener("message", (event: MessageEvent<ToWorker>) => {
  if (event.data.kind !== "start") return;
  const { target, unpack } = event.data.task.plan;
  mkdirSync(join(dirname(target.path), unpack?.stagingName ?? "", "half", "done"), { recursive: true });
  self.postMessage({ kind: "progress", progress: { bytes: 4, total: null, rate: 0 } });
});
