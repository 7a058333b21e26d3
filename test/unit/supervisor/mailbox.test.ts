import { expect, test } from "bun:test";
import { createLog } from "../../../src/base/log.ts";
import { StoreError } from "../../../src/state/recorder.ts";
import { Mailbox } from "../../../src/supervisor/mailbox.ts";
import { manualClock } from "../../helpers/manual-clock.ts";

function setUp(handle: (message: string) => void) {
  const lines: string[] = [];
  const clock = manualClock();
  return { lines, clock, mailbox: new Mailbox(handle, { clock, log: createLog("debug", (line) => lines.push(line)) }) };
}

test("messages are handled in order, also those put in while one is handled", () => {
  const seen: string[] = [];
  const { mailbox } = setUp((message) => {
    seen.push(message);
    if (message === "first") {
      mailbox.put("third");
      seen.push("end of first");
    }
  });
  mailbox.put("first");
  mailbox.put("fourth");
  expect(seen).toEqual(["first", "end of first", "third", "fourth"]);
});

test("a message that cannot be kept waits with all behind it and is tried again until the store takes it", () => {
  const seen: string[] = [];
  let full = true;
  const { mailbox, clock, lines } = setUp((message) => {
    if (full) throw new StoreError(new Error("database or disk is full"));
    seen.push(message);
  });
  mailbox.put("gone");
  mailbox.put("tick");
  expect(seen).toEqual([]);
  expect(lines.join()).toContain("database or disk is full");
  for (let second = 0; second < 60; second++) clock.advance(1000);
  expect(seen).toEqual([]);
  expect(lines).toHaveLength(1);
  full = false;
  clock.advance(1000);
  expect(seen).toEqual(["gone", "tick"]);
  mailbox.put("later");
  expect(seen).toEqual(["gone", "tick", "later"]);
  full = true;
  mailbox.put("again");
  expect(lines).toHaveLength(2);
});

test("a fault of the program costs its message and nothing else", () => {
  const seen: string[] = [];
  const { mailbox, lines } = setUp((message) => {
    if (message === "bad") throw new Error("machine in state ended cannot take event begin");
    seen.push(message);
  });
  mailbox.put("bad");
  mailbox.put("good");
  expect(seen).toEqual(["good"]);
  expect(lines.join()).toContain("cannot take event begin");
});

test("a closed mailbox handles nothing any more", () => {
  const seen: string[] = [];
  const { mailbox, clock } = setUp(() => {
    throw new StoreError(new Error("full"));
  });
  mailbox.put("one");
  mailbox.close();
  mailbox.put("two");
  clock.advance(10_000);
  expect(seen).toEqual([]);
});
