import { expect, test } from "bun:test";
import * as v from "valibot";
import { MILLISECOND } from "../../../../src/base/units.ts";
import { textOf } from "../../../../src/cli/terminal/style.ts";
import { createEventFeed, describeEvent, describeProgress } from "../../../../src/cli/text/events.ts";
import { type Allocation, AllocationSchema, type TaskEvent } from "../../../../src/client/replies.ts";

function event(Type: string, Time: number, DisplayMessage = Type): TaskEvent {
  return { Type, Time, Message: "", DisplayMessage, Details: {}, FailsTask: false };
}

function allocationWith(...Events: TaskEvent[]): Allocation {
  return v.parse(AllocationSchema, { ID: "a", TaskStates: { vm: { Events } } });
}

const types = (fresh: readonly { readonly event: TaskEvent }[]): string[] => fresh.map((entry) => entry.event.Type);

test("each event is new once, also when the list has lost its oldest", () => {
  const feed = createEventFeed();
  const [a, b, c, d] = [event("A", 1), event("B", 2), event("C", 3), event("D", 3)];
  expect(types(feed(allocationWith(a, b)))).toEqual(["A", "B"]);
  expect(types(feed(allocationWith(a, b)))).toEqual([]);
  expect(types(feed(allocationWith(b, c, d)))).toEqual(["C", "D"]);
});

test("events that all are gone from the list do not hide those that came after", () => {
  const feed = createEventFeed();
  feed(allocationWith(event("A", 1)));
  expect(types(feed(allocationWith(event("X", 8), event("Y", 9))))).toEqual(["X", "Y"]);
});

const text = (columns: number): string[] =>
  describeEvent(
    event("Started", new Date(2026, 0, 1, 9, 8, 7).getTime() * MILLISECOND, "the machine runs now and is well"),
    "",
    columns,
  ).map((line) => line.map(textOf).join(""));

test("an event has its time, type and text in columns", () => {
  expect(text(200)).toEqual(["    09:08:07  Started                   the machine runs now and is well"]);
});

test("on a narrower terminal the text stays in its column, on a narrow one it stands below", () => {
  expect(text(66)).toEqual([
    "    09:08:07  Started                   the machine runs now and",
    "                                        is well",
  ]);
  expect(text(30)).toEqual(["    09:08:07  Started", "        the machine runs now", "        and is well"]);
});

const progress = { Source: "http://example.test/disk.img", Bytes: 30 << 20, Total: 40 << 20, Rate: 5 << 20 };

test("progress has a bar, the share, bytes, rate, time left and the source", () => {
  expect(describeProgress(progress, 120)).toBe(
    "    [###############.....]   75%  30 MiB of 40 MiB  5 MiB/s  2s left  http://example.test/disk.img",
  );
});

test("progress of unknown length has no share, and one that stands still no time left", () => {
  expect(describeProgress({ ...progress, Total: null }, 120)).toBe("    30 MiB  5 MiB/s  http://example.test/disk.img");
  expect(describeProgress({ ...progress, Rate: 0 }, 120)).not.toContain("left");
});

test("progress never is wider than the terminal", () => {
  for (let columns = 0; columns < 110; columns++)
    expect(describeProgress(progress, columns).length).toBeLessThanOrEqual(columns);
  expect(describeProgress(progress, 50)).toBe("     75%  30 MiB of 40 MiB  5 MiB/s  2s left");
});
