import { expect, test } from "bun:test";
import { type CoreBook, createCoreBook } from "../../../../src/agent/start/cores.ts";
import type { Allocation } from "../../../../src/allocation/allocation.ts";
import type { Range } from "../../../../src/base/ranges.ts";
import type { Store } from "../../../../src/state/store.ts";

type Machines = Record<string, { kind: string; launched?: readonly number[] }>;

/** A host with four processors, and one machine called vm in each allocation. */
function book(machines: Machines, reserved: readonly Range[] = []): CoreBook {
  const store = {
    liveAllocations: () =>
      Object.entries(machines).map(([id, { kind }]) => ({
        id,
        jobId: `job-${id}`,
        tasks: { vm: { machine: { kind } } },
      })),
    lastLaunch: (id: string) => {
      const cores = machines[id]?.launched;
      return cores === undefined ? undefined : { limits: { cores } };
    },
  } as unknown as { liveAllocations: () => Allocation[]; lastLaunch: Store["lastLaunch"] };
  return createCoreBook(store, "0-3", reserved);
}

test("two machines never have the same core, launched or not, and each keeps its own for its next start", () => {
  const machines: Machines = {
    a: { kind: "running", launched: [1] },
    b: { kind: "preparing" },
    c: { kind: "preparing" },
  };
  const cores = book(machines);
  expect(cores.take("b", "vm", 1)).toEqual([0]);
  expect(cores.take("c", "vm", 2)).toEqual([2, 3]);
  expect(cores.take("a", "vm", 1)).toEqual([1]);
  expect(cores.take("b", "vm", 1)).toEqual([0]);
  delete machines["c"];
  machines["d"] = { kind: "preparing" };
  expect(cores.take("d", "vm", 2)).toEqual([2, 3]);
  expect(cores.take("d", "vm", 0)).toEqual([]);
});

test("a machine that waits for the one before it has no core yet", () => {
  expect(
    book({ old: { kind: "pending", launched: [0, 1, 2] }, own: { kind: "preparing" } }).take("own", "vm", 4),
  ).toEqual([0, 1, 2, 3]);
});

test("too few cores are refused with who has them", () => {
  const cores = book({ "0a1b2c3d": { kind: "running", launched: [0, 1] }, own: { kind: "preparing" } });
  expect(() => cores.take("own", "vm", 3)).toThrow(
    'resources.cores: 3 asked for, machines of this host have 0-3; 0-1 are held by 0a1b2c3d of job "job-0a1b2c3d"',
  );
  expect(() => book({}).take("own", "vm", 5)).toThrow("resources.cores: 5 asked for, machines of this host have 0-3");
});

test("a machine that is being prepared keeps its core although its record still says that it waits", () => {
  const cores = book({ one: { kind: "pending" }, two: { kind: "pending" } });
  expect(cores.take("one", "vm", 1)).toEqual([0]);
  expect(cores.take("two", "vm", 1)).toEqual([1]);
});

test("reserved cores are no machine's", () => {
  const machines = { one: { kind: "preparing" } };
  expect(book(machines, [{ first: 0, last: 1 }]).take("one", "vm", 2)).toEqual([2, 3]);
  expect(() => book(machines, [{ first: 0, last: 1 }]).take("one", "vm", 3)).toThrow("machines of this host have 2-3");
});
