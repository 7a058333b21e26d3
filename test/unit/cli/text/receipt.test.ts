import { expect, test } from "bun:test";
import * as v from "valibot";
import type { Ending } from "../../../../src/allocation/ending.ts";
import { textOf } from "../../../../src/cli/terminal/style.ts";
import { describeEnding } from "../../../../src/cli/text/receipt.ts";
import { EndingSchema } from "../../../../src/client/replies.ts";
import { writeEnding } from "../../../../src/contract/machine.ts";
import { CRASHED, GRACEFUL, LOST } from "../../../helpers/records.ts";

function describe(ending: Ending): string[] {
  const read = v.parse(EndingSchema, writeEnding(ending));
  return describeEnding(read, Number.POSITIVE_INFINITY)
    .map((line) => line.map(textOf).join(""))
    .slice(1);
}

test("a graceful stop says which rung worked, when each was tried and how long it took", () => {
  expect(describe(GRACEFUL)).toEqual([
    "Reason     = the guest powered off (guest-shutdown)",
    "Exit       = status 0",
    "Stopped by = ACPI power button",
    "Took       = 1.3s (kill_timeout 5s)",
    "",
    "  0ms     asked to stop: job stopped",
    "  1ms     ACPI power button: accepted",
    "  1250ms  the machine was gone",
  ]);
});

test("a crash says signal and hint, and has no ladder", () => {
  expect(describe(CRASHED)).toEqual([
    "Reason = QEMU was killed by SIGSEGV (killed)",
    "Exit   = signal 11",
    "Hint   = look at the kernel log",
  ]);
});

test("what the kernel counted is told, and what it did not count is left out", () => {
  const cgroup = { memoryMax: 640 << 20, memoryPeak: 38 << 20, limitHits: 0, oomKills: 0, cpuMillis: 4_656 };
  expect(describe({ ...CRASHED, cgroup }).slice(2)).toEqual([
    "Memory   = 38 MiB at most, limit 640 MiB",
    "CPU time = 4.7s",
    "Hint     = look at the kernel log",
  ]);
  const little = { ...cgroup, memoryMax: null, cpuMillis: null };
  expect(describe({ ...CRASHED, cgroup: little })).toContain("Memory = 38 MiB at most, no limit");
  expect(describe({ ...CRASHED, cgroup: { ...little, memoryPeak: null } })).toHaveLength(3);
});

test("an exit that nobody knows is called unknown, and one that never was, none", () => {
  expect(describe(LOST)).toContain("Exit   = unknown");
  expect(describe({ ...LOST, reason: "not-started" })).toContain("Exit   = none, there was no process");
});

test("presses that got the same answer are one line, with their number and the time of the last", () => {
  const { stop } = GRACEFUL;
  if (stop === null) throw new Error("the record has no stop");
  const { requestedAt } = stop.order;
  const presses = [1, 501, 1_001].map(
    (after) => ({ rung: "powerdown", at: requestedAt + after, answer: "accepted" }) as const,
  );
  const tries = [...presses, { rung: "quit", at: requestedAt + 5_000, answer: null } as const];
  const lines = describe({
    ...GRACEFUL,
    at: requestedAt + 12_000,
    stop: { ...stop, tries, rung: "quit", took: 12_000 },
  });
  expect(lines.slice(-5)).toEqual(
    [
      "  0ms     asked to stop: job stopped",
      "  1ms     ACPI power button: accepted, 3 times until 1001ms",
      "  5000ms  QMP quit",
      "  12s     the machine was gone",
    ].toSpliced(0, 0, ""),
  );
});

test("presses that got different answers are lines of their own", () => {
  const { stop } = GRACEFUL;
  if (stop === null) throw new Error("the record has no stop");
  const { requestedAt } = stop.order;
  const tries = ["monitor not connected", "accepted"].map(
    (answer, at) => ({ rung: "powerdown", at: requestedAt + at * 500, answer }) as const,
  );
  const lines = describe({ ...GRACEFUL, stop: { ...stop, tries } });
  expect(lines.slice(-3, -1)).toEqual([
    "  0ms     ACPI power button: monitor not connected",
    "  500ms   ACPI power button: accepted",
  ]);
});

test("a stop without graceful_shutdown says that the guest was not asked", () => {
  const { stop } = GRACEFUL;
  if (stop === null) throw new Error("the record has no stop");
  const order = { ...stop.order, graceful: false, shutdownDelay: 2_000 };
  expect(describe({ ...GRACEFUL, stop: { ...stop, order } }).find((line) => line.startsWith("Took"))).toBe(
    "Took       = 1.3s (shutdown_delay 2s, the guest was not asked: graceful_shutdown is false or no guest ran)",
  );
});
