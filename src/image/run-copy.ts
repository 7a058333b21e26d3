import { closeSync, constants, openSync, rmSync } from "node:fs";
import { systemClock } from "../base/clock.ts";
import { AppError } from "../base/errors.ts";
import { procPath } from "../base/files.ts";
import { listenTo, startWorker } from "../runtime/worker.ts";
import type { CopyTask, FromCopier, ToCopier } from "./copy-messages.ts";

export interface CopyOptions extends Pick<CopyTask, "size" | "cache"> {
  /** Cancels it. */
  readonly signal: AbortSignal;
  /** How long the Worker may take to answer a cancellation before it is cut off, in milliseconds; 5 s unless set. */
  readonly graceMillis?: number;
}

const GRACE_MILLIS = 5_000;

/**
 * Has an open image copied into a new file by a Worker, which is on the disk then; what fails or is cancelled leaves nothing.
 * @param path is not there yet.
 * @param start makes the Worker; tests give their own.
 * @throws AppError `image`; the reason of `signal` when it is cancelled; system errors.
 */
export async function runCopy(
  fd: number,
  path: string,
  options: CopyOptions,
  start: () => Worker = () => startWorker("image/copy-worker.ts"),
): Promise<void> {
  options.signal.throwIfAborted();
  // Its own, which stay open as long as a Worker that was cut off may use them: their numbers must not be another file's meanwhile.
  const from = openSync(procPath(fd), constants.O_RDONLY);
  let [to, worker]: [number | undefined, Worker | undefined] = [undefined, undefined];
  const release = once(() => {
    closeSync(from);
    if (to !== undefined) closeSync(to);
  });
  try {
    to = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o600);
    worker = start();
    await copyInWorker({ from, to, size: options.size, cache: options.cache }, options, worker, release);
  } catch (error) {
    if (to !== undefined) rmSync(path, { force: true });
    if (worker === undefined) release();
    options.signal.throwIfAborted();
    throw error;
  } finally {
    worker?.terminate();
  }
}

function once(work: () => void): () => void {
  let done = false;
  return () => {
    if (!done) work();
    done = true;
  };
}

/** @param release gives back the descriptors; called once the Worker cannot use them any more. */
async function copyInWorker(
  task: CopyTask,
  { signal, graceMillis = GRACE_MILLIS }: CopyOptions,
  worker: Worker,
  release: () => void,
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<FromCopier>();
  const post = (message: ToCopier): void => worker.postMessage(message);
  listenTo<FromCopier>(
    worker,
    (answer) => {
      release();
      resolve(answer);
    },
    (how) => {
      if (how === "exit") release();
      reject(new AppError("image", `the image could not be copied: the Worker ended early (${how})`));
    },
  );
  let stopTimer: () => void = () => undefined;
  const onAbort = (): void => {
    post({ kind: "cancel" });
    stopTimer = systemClock.after(graceMillis, () => reject(signal.reason));
  };
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    post({ kind: "start", task });
    const answer = await promise;
    signal.throwIfAborted();
    if (answer.kind === "no room") throw noRoom(answer.why);
    if (answer.kind === "failed") throw new AppError("image", `the image could not be copied: ${answer.message}`);
  } finally {
    stopTimer();
    signal.removeEventListener("abort", onAbort);
  }
}

const noRoom = (why: string): AppError =>
  new AppError("image", `no space left to copy the image: ${why}`, {
    hint: 'make room in the agent\'s data_dir, or use disk = "overlay", which copies nothing',
  });
