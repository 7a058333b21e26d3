import { expect, test } from "bun:test";
import { createChannel } from "../../../src/bundle/channel.ts";
import { turn } from "../../helpers/turn.ts";

test("a piece is taken when the next one is wanted, and no sooner", async () => {
  const channel = createChannel();
  const taken: string[] = [];
  const reader = channel.chunks[Symbol.asyncIterator]();
  const first = channel.give(Buffer.from("1")).then(() => taken.push("1"));
  expect((await reader.next()).value).toEqual(Buffer.from("1"));
  await turn();
  expect(taken).toEqual([]);
  const next = reader.next();
  await first;
  const second = channel.give(Buffer.from("2")).then(() => taken.push("2"));
  expect((await next).value).toEqual(Buffer.from("2"));
  expect(taken).toEqual(["1"]);
  const end = reader.next();
  await second;
  channel.end();
  expect((await end).done).toBe(true);
  expect(taken).toEqual(["1", "2"]);
});

test("an end that comes before anything is wanted is an end", async () => {
  const channel = createChannel();
  channel.end();
  expect(await Array.fromAsync(channel.chunks)).toEqual([]);
});
