import { expect, test } from "bun:test";
import type { Allocation } from "../../../src/allocation/allocation.ts";
import type { MachineStateKind } from "../../../src/allocation/machine.ts";
import { countMachines, tellCounts } from "../../../src/daemon/machine-count.ts";
import { createChangeSignal } from "../../../src/events/bus.ts";
import { manualClock } from "../../helpers/manual-clock.ts";
import { turn } from "../../helpers/turn.ts";

function allocations(...kinds: MachineStateKind[]): Allocation[] {
  return kinds.map((kind) => ({ tasks: { vm: { machine: { kind } } } }) as unknown as Allocation);
}

test("machines are counted by what they do, and those that have ended not at all", () => {
  expect(countMachines([])).toBe("0 machines running");
  expect(countMachines(allocations("running", "ended"))).toBe("1 machine running");
  expect(countMachines(allocations("running", "running", "pending", "preparing", "starting"))).toBe(
    "2 machines running, 3 starting",
  );
  expect(countMachines(allocations("stopping", "backoff"))).toBe(
    "0 machines running, 1 stopping, 1 waiting to start again",
  );
});

test("a new count is told once, not more than once a second, and none after the end", async () => {
  const clock = manualClock();
  const changes = createChangeSignal(1);
  const ending = new AbortController();
  const told: string[] = [];
  let kinds: MachineStateKind[] = [];
  const telling = tellCounts("0 machines running", {
    changes,
    live: () => allocations(...kinds),
    tell: async (text) => void told.push(text),
    clock,
    signal: ending.signal,
  });
  const change = async (next: MachineStateKind[], millis: number) => {
    kinds = next;
    changes.bump();
    await turn();
    clock.advance(millis);
    await turn();
  };
  await change([], 1_000);
  expect(told).toEqual([]);
  await change(["running"], 1_000);
  await change(["running", "running"], 999);
  expect(told).toEqual(["1 machine running"]);
  clock.advance(1);
  await turn();
  expect(told).toEqual(["1 machine running", "2 machines running"]);
  ending.abort();
  await change(["running"], 10_000);
  await telling;
  expect(told).toHaveLength(2);
});
