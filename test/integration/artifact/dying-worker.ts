import { writeFileSync } from "node:fs";
import { planForCache } from "../../../src/artifact/bring.ts";
import type { ToWorker } from "../../../src/artifact/messages.ts";
import { makeCache } from "../../../src/cache/remove.ts";

/** A download's Worker that writes half a part file and then fails in the way that the file name of the artifact asks for. */
self.addEventListener("message", (event: MessageEvent<ToWorker>) => {
  if (event.data.kind !== "start" || event.data.task.kind !== "bring") return;
  const { plan, cache } = event.data.task;
  const { fileName } = plan.target;
  makeCache(cache);
  writeFileSync(`${planForCache(plan, cache).target.path}.part`, "half");
  if (fileName === "exit") process.exit(3);
  if (fileName === "throw") throw new Error("s3cret of the inside");
  if (fileName === "deaf") self.postMessage({ kind: "progress", progress: { bytes: 4, total: null, rate: 0 } });
});
