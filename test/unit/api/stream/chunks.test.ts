import { expect, test } from "bun:test";
import { streamChunks } from "../../../../src/api/stream/chunks.ts";
import { manualClock } from "../../../helpers/manual-clock.ts";
import { turn } from "../../../helpers/turn.ts";

/** Chunks as a stream, and who listens to its signal; one that is listened to is kept as long as the agent runs. */
function bed(fault = false) {
  const leave = new AbortController();
  const { signal } = leave;
  const listeners = new Set<unknown>();
  const [add, remove] = [signal.addEventListener.bind(signal), signal.removeEventListener.bind(signal)];
  signal.addEventListener = (type: string, listener: EventListener, options?: AddEventListenerOptions) => {
    listeners.add(listener);
    add(type, listener, options);
  };
  signal.removeEventListener = (type: string, listener: EventListener) => {
    listeners.delete(listener);
    remove(type, listener);
  };
  let open = 0;
  async function* read(): AsyncGenerator<string> {
    open++;
    try {
      yield "a";
      if (fault) throw new Error("a fault");
      yield "b";
    } finally {
      open--;
    }
  }
  const chunks = read();
  const body = (first?: IteratorResult<string>) =>
    streamChunks(chunks, first, {
      encode: (text) => new TextEncoder().encode(text),
      heartbeat: undefined,
      clock: manualClock(),
      signal,
      stop: () => leave.abort(),
      onError: () => undefined,
    });
  return { leave, chunks, body, listeners, open: () => open };
}

test("chunks are read, and nothing of them stays", async () => {
  const { body, listeners, open } = bed();
  expect(await new Response(body()).text()).toBe("ab");
  expect([listeners.size, open()]).toEqual([0, 0]);
});

test("nothing stays of chunks that cannot be read to their end", async () => {
  const { body, listeners, open } = bed(true);
  await expect(new Response(body()).text()).rejects.toThrow("it could not be read any further");
  expect([listeners.size, open()]).toEqual([0, 0]);
});

test("of what nobody begins to read there is nothing", () => {
  const { body, listeners, open } = bed();
  body();
  expect([listeners.size, open()]).toEqual([0, 0]);
});

test("a client that leaves while the first chunk is read lets go of what is open", async () => {
  const { body, chunks, leave, open } = bed();
  const first = await chunks.next();
  leave.abort();
  body(first);
  await turn();
  expect(open()).toBe(0);
});

test("one that leaves later lets go of it, too", async () => {
  const { body, chunks, leave, open } = bed();
  body(await chunks.next());
  expect(open()).toBe(1);
  leave.abort();
  await turn();
  expect(open()).toBe(0);
});
