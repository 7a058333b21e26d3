import { listenTo, startWorker } from "../runtime/worker.ts";
import { AppError } from "./errors.ts";
import type { RemovedTree } from "./remove-tree.ts";

/** Removes directories as `removeTree` does, in a Worker: a hundred thousand names, or one file of a terabyte, hold nobody up. */
export interface Remover {
  /** One at a time. @throws AppError `internal` when the Worker died, or was closed. */
  remove(path: string): Promise<RemovedTree>;
  close(): void;
}

/** @param start makes the Worker, at the first directory; tests give their own. */
export function openRemover(start: () => Worker = () => startWorker("base/remove-worker.ts")): Remover {
  let worker: Worker | undefined;
  let waiting: PromiseWithResolvers<RemovedTree> | undefined;
  const close = (): void => {
    worker?.terminate();
    worker = undefined;
    waiting?.reject(new AppError("internal", "the Worker that removes directories ended early"));
    waiting = undefined;
  };
  const begin = (): Worker => {
    const begun = start();
    listenTo<RemovedTree>(
      begun,
      (removed) => {
        if (worker !== begun) return;
        waiting?.resolve(removed);
        waiting = undefined;
      },
      () => {
        if (worker === begun) close();
      },
    );
    return begun;
  };
  return {
    remove: async (path) => {
      worker ??= begin();
      waiting = Promise.withResolvers();
      worker.postMessage(path);
      return await waiting.promise;
    },
    close,
  };
}
