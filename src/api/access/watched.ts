/**
 * The body of a reply that ends when `signal` aborts, whoever makes it.
 * @param done is called once, when nothing of it is left to send.
 */
export function watchedBody(
  body: ReadableStream<Uint8Array>,
  signal: AbortSignal,
  done: () => void,
): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  let over = false;
  const finish = (): boolean => {
    if (over) return false;
    over = true;
    signal.removeEventListener("abort", cut);
    done();
    return true;
  };
  let stop: (error: Error) => void = () => undefined;
  const cut = (): void => {
    if (!finish()) return;
    stop(new Error("the reply was cut off"));
    reader.cancel().catch(() => undefined);
  };
  const pull = async (controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> => {
    try {
      const next = await reader.read();
      if (over) return;
      if (!next.done) return controller.enqueue(next.value);
      finish();
      controller.close();
    } catch (error) {
      if (finish()) controller.error(error);
    }
  };
  return new ReadableStream<Uint8Array>(
    {
      start: (controller) => {
        stop = (error) => controller.error(error);
        signal.addEventListener("abort", cut, { once: true });
        if (signal.aborted) cut();
      },
      pull,
      cancel: async (reason) => {
        finish();
        await reader.cancel(reason);
      },
    },
    // What is behind it makes no more than the client takes.
    { highWaterMark: 0 },
  );
}
