import { expect, test } from "bun:test";
import { watchedBody } from "../../../../src/api/access/watched.ts";
import { turn } from "../../../helpers/turn.ts";

function bed() {
  const gone = new AbortController();
  const log: string[] = [];
  let push: (text: string | null) => void = () => undefined;
  const source = new ReadableStream<Uint8Array>({
    start: (controller) => {
      push = (text) => (text === null ? controller.close() : controller.enqueue(new TextEncoder().encode(text)));
    },
    cancel: () => void log.push("cancelled"),
  });
  const body = watchedBody(source, gone.signal, () => void log.push("done"));
  return { gone, log, body, push: (text: string | null) => push(text) };
}

test("a body that is read to its end is done once", async () => {
  const { body, log, push, gone } = bed();
  push("a");
  push(null);
  expect(await new Response(body).text()).toBe("a");
  gone.abort();
  expect(log).toEqual(["done"]);
});

test("whoever stops reading is done, and what makes the body is told", async () => {
  const { body, log } = bed();
  const reader = body.getReader();
  await reader.cancel();
  expect(log).toEqual(["done", "cancelled"]);
});

test("a body that is cut off is done, and what makes it is told", async () => {
  const { body, log, gone, push } = bed();
  const reader = body.getReader();
  const pending = reader.read();
  gone.abort();
  await expect(pending).rejects.toThrow("the reply was cut off");
  await turn();
  expect(log).toEqual(["done", "cancelled"]);
  expect(() => push("late")).toThrow();
});
