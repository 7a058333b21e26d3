import { expect, test } from "bun:test";
import { transfer } from "../../../../src/artifact/download/transfer.ts";

const NO_WATCHDOG = { arm: () => undefined, disarm: () => undefined };

test("a chunk's memory is given back before the next one is asked for", async () => {
  const chunks = ["one", "two", "three"].map((text) => new Uint8Array(Buffer.from(text)));
  let next = 0;
  const stream = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        for (const former of chunks.slice(0, next)) expect(former.buffer.byteLength).toBe(0);
        const chunk = chunks[next++];
        if (chunk === undefined) controller.close();
        else controller.enqueue(chunk);
      },
    },
    { highWaterMark: 0 },
  );
  let text = "";
  const counts: number[] = [];
  const sink = {
    write(chunk: Uint8Array) {
      text += Buffer.from(chunk).toString();
    },
  };
  const bytes = await transfer({ stream }, [sink], NO_WATCHDOG, (count) => counts.push(count));
  expect(text).toBe("onetwothree");
  expect(counts).toEqual([3, 3, 5]);
  expect(bytes).toBe(11);
});
