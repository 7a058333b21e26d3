import { startWorker } from "../runtime/worker.ts";
import { AppError } from "./errors.ts";
import type { RemovedTree } from "./remove-tree.ts";

/**
 * Removes a directory as `removeTree` does, in a Worker: a hundred thousand names, or one file of a terabyte, hold nobody up.
 * @param start makes the Worker; tests give their own.
 * @throws AppError `internal` when the Worker died.
 */
export async function removeDirectory(
  path: string,
  start: () => Worker = () => startWorker("base/remove-worker.ts"),
): Promise<RemovedTree> {
  const { promise, resolve, reject } = Promise.withResolvers<RemovedTree>();
  const fail = (): void => reject(new AppError("internal", `the Worker that removes ${path} ended early`));
  const worker = start();
  worker.addEventListener("message", ({ data }: MessageEvent<RemovedTree>) => resolve(data));
  worker.addEventListener("error", (event) => {
    event.preventDefault();
    fail();
  });
  // Bun's own event, for a Worker that ends without a word; after the last word it changes nothing.
  worker.addEventListener("close", fail);
  try {
    worker.postMessage(path);
    return await promise;
  } finally {
    worker.terminate();
  }
}
