import { writeFileSync } from "node:fs";
import type { ToWorker } from "../../../src/artifact/messages.ts";

/** A download's Worker that writes half a part file and then fails in the way that the file name of the artifact asks for. */
self.addEventListener("message", (event: MessageEvent<ToWorker>) => {
  if (event.data.kind !== "start") return;
  const { path, fileName } = event.data.plan.target;
  writeFileSync(`${path}.part`, "half");
  if (fileName === "exit") process.exit(3);
  if (fileName === "throw") throw new Error("s3cret of the inside");
  if (fileName === "deaf") self.postMessage({ kind: "progress", progress: { bytes: 4, total: null, rate: 0 } });
});
