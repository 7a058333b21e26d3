import { expect, test } from "bun:test";
import { splitFrames } from "../../../src/client/frames.ts";

async function* chunksOf(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function split(text: string, size = text.length + 1): Promise<string[]> {
  return await Array.fromAsync(splitFrames(chunksOf(Buffer.from(text), size)));
}

test("objects are told apart whatever their strings hold and wherever the stream is cut", async () => {
  const frames = [{}, { File: 'a}{"b\\', Offset: 1 }, { Data: "é→", Deep: { "}": [{}] } }, {}].map((frame) =>
    JSON.stringify(frame),
  );
  const text = frames.join("");
  for (let size = 1; size <= Buffer.byteLength(text); size++) expect(await split(text, size)).toEqual(frames);
});

test("white space between objects is passed over", async () => {
  expect(await split(' {"a":1}\n\n{}\r\n')).toEqual([' {"a":1}', "\n\n{}"]);
});

test("a stream that breaks off in an object, holds something else, or never ends one is a failure", async () => {
  const refusal = (text: string): Promise<unknown> =>
    split(text, 1 << 16).then(
      () => "nothing",
      (error) => error.message,
    );
  expect(await refusal('{}{"Data":"abc')).toBe("the agent's stream broke off in the middle of a frame");
  expect(await refusal("{}oops")).toBe("the agent sent something else than frames");
  expect(await refusal("}")).toBe("the agent sent something else than frames");
  expect(await refusal(`{"Data":"${"x".repeat(2 << 20)}`)).toBe("the agent sent a frame without an end");
});
