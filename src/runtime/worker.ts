import { runtimeKind } from "./kind.ts";

/** Worker entries, by their path below `src/`; the build makes each an entry point of the binary. */
export type WorkerEntry =
  | "artifact/worker.ts"
  | "base/remove-worker.ts"
  | "cache/verify-worker.ts"
  | "image/copy-worker.ts";

declare const PADDOCK_COMPILED: boolean | undefined;

/**
 * Starts a Worker. In the compiled binary an entry is found by its path relative to the common root of all entries; a URL made
 * from `import.meta.url` would bake in the path of the machine that built it.
 */
export function startWorker(entry: WorkerEntry): Worker {
  // A small heap keeps a Worker's share of memory within what a download may use; Bun's option, which Deno does not know.
  const options = { smol: true } as WorkerOptions;
  if (typeof PADDOCK_COMPILED !== "undefined" && PADDOCK_COMPILED) return new Worker(`./${entry}`, options);
  const url = new URL(`../${entry}`, import.meta.url);
  return runtimeKind === "bun" ? new Worker(url.href, options) : new Worker(url.href, { type: "module" });
}

/** How a Worker ended that nobody had asked to. */
export type WorkerEnd = "uncaught error" | "unreadable message" | "exit";

/**
 * Listens to what a Worker says.
 * @param onEnd may be called more than once, and is called with "exit" after `terminate`, too.
 */
export function listenTo<Message>(
  worker: Worker,
  onMessage: (message: Message) => void,
  onEnd: (how: WorkerEnd) => void,
): void {
  worker.addEventListener("message", ({ data }: MessageEvent<Message>) => onMessage(data));
  worker.addEventListener("messageerror", () => onEnd("unreadable message"));
  worker.addEventListener("error", (event) => {
    event.preventDefault();
    onEnd("uncaught error");
  });
  // Bun's own event, for a Worker that ends without a word.
  worker.addEventListener("close", () => onEnd("exit"));
}
