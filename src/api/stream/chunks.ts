import type { Clock } from "../../base/clock.ts";

/** Milliseconds of silence after which a followed stream of frames says that it is alive, as in Nomad. */
const HEARTBEAT = 1_000;

export interface Streaming<Chunk> {
  readonly encode: (chunk: Chunk) => Uint8Array;
  /** Sent first and after each second of silence; undefined for none. */
  readonly heartbeat: Uint8Array | undefined;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Ends the reading, wherever it waits. */
  readonly stop: () => void;
  readonly onError: (error: unknown) => void;
}

/**
 * Chunks as the body of a reply: read only as fast as the client takes them, closed when it goes away or `signal` aborts.
 * @param first what was read already.
 */
export function streamChunks<Chunk>(
  chunks: AsyncIterator<Chunk>,
  first: IteratorResult<Chunk> | undefined,
  streaming: Streaming<Chunk>,
): ReadableStream<Uint8Array> {
  let pending: Promise<IteratorResult<Chunk>> | undefined = first && Promise.resolve(first);
  const release = (): void => {
    chunks.return?.().catch(streaming.onError);
  };
  // A signal that somebody listens to is kept as long as those that it follows, which is as long as the agent runs.
  const forget = (): void => streaming.signal.removeEventListener("abort", release);
  const listen = (): void => {
    if (streaming.signal.aborted) release();
    else streaming.signal.addEventListener("abort", release, { once: true });
  };
  let begun = false;
  // What was read already is open.
  if (first !== undefined) listen();
  const pull = async (controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> => {
    if (!begun && first === undefined) listen();
    begun = true;
    pending ??= chunks.next();
    const next = await withHeartbeat(pending, streaming);
    if (next === SILENCE) return controller.enqueue(streaming.heartbeat ?? new Uint8Array());
    pending = undefined;
    if (next.done !== true) return controller.enqueue(streaming.encode(next.value));
    forget();
    controller.close();
  };
  return new ReadableStream<Uint8Array>(
    {
      // Bun sends the head of a reply with its first bytes: without these a client would not learn that the silent log is there.
      start: (controller) => streaming.heartbeat && controller.enqueue(streaming.heartbeat),
      pull: (controller) =>
        pull(controller).catch((error) => {
          forget();
          // Whoever has left is told nothing any more.
          if (streaming.signal.aborted) return;
          streaming.onError(error);
          controller.error(new Error("it could not be read any further"));
        }),
      cancel: () => streaming.stop(),
    },
    // Without a buffer of its own nothing is opened before somebody reads.
    { highWaterMark: 0 },
  );
}

const SILENCE = Symbol("silence");

async function withHeartbeat<Next>(
  pending: Promise<Next>,
  streaming: Pick<Streaming<never>, "heartbeat" | "clock">,
): Promise<Next | typeof SILENCE> {
  if (streaming.heartbeat === undefined) return await pending;
  let cancel: () => void = () => undefined;
  const silence = new Promise<typeof SILENCE>((resolve) => {
    cancel = streaming.clock.after(HEARTBEAT, () => resolve(SILENCE));
  });
  try {
    return await Promise.race([pending, silence]);
  } finally {
    cancel();
  }
}
