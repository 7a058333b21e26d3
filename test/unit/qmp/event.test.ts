import { describe, expect, test } from "bun:test";
import { JOURNAL_LINE_LIMIT, parseJournal, readEvent } from "../../../src/qmp/event.ts";

const shutdown =
  '{"timestamp": {"seconds": 1795465251, "microseconds": 346059}, "event": "SHUTDOWN", "data": {"guest": true, "reason": "guest-shutdown"}}';
const stop = '{"timestamp": {"seconds": 1795465252, "microseconds": 0}, "event": "STOP"}';
const greeting = '{"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}}, "capabilities": ["oob"]}}';

const parse = (text: string) => parseJournal(Buffer.from(text));

describe("an event line", () => {
  test("becomes name, time in milliseconds and data", () => {
    expect(readEvent(JSON.parse(shutdown))).toEqual({
      name: "SHUTDOWN",
      at: 1_795_465_251_346,
      data: { guest: true, reason: "guest-shutdown" },
    });
  });

  test("without data has empty data", () => {
    expect(readEvent(JSON.parse(stop))?.data).toEqual({});
  });

  test.each([
    ["a time that no date has", { event: "STOP", timestamp: { seconds: 1e15, microseconds: 0 } }],
    ["a negative time", { event: "STOP", timestamp: { seconds: -1, microseconds: -1 } }],
    ["no time", { event: "STOP" }],
    ["a name with control bytes", { event: "ST\u001bOP", timestamp: { seconds: 1, microseconds: 0 } }],
    ["a name without end", { event: "X".repeat(1_000), timestamp: { seconds: 1, microseconds: 0 } }],
    ["data that is a list", { event: "STOP", timestamp: { seconds: 1, microseconds: 0 }, data: [1] }],
  ])("with %s is none", (_, value) => {
    expect(readEvent(value)).toBeUndefined();
  });
});

describe("a journal", () => {
  test("gives its events and passes over greeting and answers", () => {
    const text = `${greeting}\r\n{"return": {}}\r\n${shutdown}\r\n${stop}\r\n`;
    const part = parse(text);
    expect(part.events.map((event) => event.name)).toEqual(["SHUTDOWN", "STOP"]);
    expect(part.consumed).toBe(text.length);
  });

  test("keeps an unfinished last line for the next time", () => {
    const whole = `${stop}\r\n`;
    const part = parse(whole + shutdown.slice(0, 40));
    expect(part.events).toHaveLength(1);
    expect(part.consumed).toBe(whole.length);
    expect(parse(`${shutdown}\r\n`).events).toHaveLength(1);
  });

  test("may begin with a hole that cuts a line in two", () => {
    const text = `${"\0".repeat(10_000)}${stop.slice(20)}\r\n${shutdown}\r\n`;
    expect(parse(text).events.map((event) => event.name)).toEqual(["SHUTDOWN"]);
  });

  test("may have a hole between two lines", () => {
    const hole = "\0".repeat(2 * JOURNAL_LINE_LIMIT);
    expect(parse(`${stop}\n${hole}${shutdown}\n`).events).toHaveLength(2);
  });

  test("of which only a hole was read is consumed whole, so that reading gets on", () => {
    expect(parseJournal(new Uint8Array(4_096))).toEqual({ events: [], consumed: 4_096 });
  });

  test("with junk in it still gives what comes after", () => {
    const junk = Buffer.concat([Buffer.from([0xff, 0xfe, 0x0a, 0x80]), Buffer.from(`{"event":\n${stop}\n`)]);
    expect(parseJournal(junk).events).toHaveLength(1);
  });

  test("with a line that never ends is consumed, so that a hostile QEMU cannot stop the reading", () => {
    const endless = Buffer.alloc(JOURNAL_LINE_LIMIT, "x");
    expect(parseJournal(endless)).toEqual({ events: [], consumed: endless.length });
    expect(parseJournal(endless.subarray(1)).consumed).toBe(0);
  });

  test("that is empty has nothing", () => {
    expect(parseJournal(new Uint8Array(0))).toEqual({ events: [], consumed: 0 });
  });
});
