import { expect, test } from "bun:test";
import type { Allocation } from "../../../src/allocation/allocation.ts";
import { storePerTest } from "../../helpers/store-per-test.ts";

const here = storePerTest();

const allocation = (id: string, createIndex: number, kind: "pending" | "ended" = "pending") =>
  ({
    id,
    jobId: "web",
    createIndex,
    tasks: { vm: { machine: kind === "ended" ? { kind, ending: {} } : { kind }, events: [] } },
  }) as unknown as Allocation;

const liveIds = () => here.store.liveAllocations().map(({ id }) => id);

test("the allocations that live are the same for who asks twice and for who opens the store anew", () => {
  here.store.putAllocation(allocation("b", 2));
  here.store.putAllocation(allocation("c", 2));
  expect(liveIds()).toEqual(["b", "c"]);
  here.store.putAllocation(allocation("a", 2));
  here.store.putAllocation(allocation("z", 1));
  here.store.putAllocation(allocation("b", 2, "ended"));
  expect(liveIds()).toEqual(["z", "a", "c"]);
  here.reopen();
  expect(liveIds()).toEqual(["z", "a", "c"]);
});

test("what a transaction wrote that failed lives no more, and what it ended lives", () => {
  here.store.putAllocation(allocation("a", 1));
  expect(liveIds()).toEqual(["a"]);
  const refuse = (): void => {
    here.store.putAllocation(allocation("a", 1, "ended"));
    here.store.putAllocation(allocation("b", 2));
    expect(liveIds()).toEqual(["b"]);
    throw new Error("no");
  };
  expect(() => here.store.transaction(refuse)).toThrow("no");
  expect(liveIds()).toEqual(["a"]);
});

test("an allocation that is removed lives no more", () => {
  here.store.putAllocation(allocation("a", 1));
  expect(liveIds()).toEqual(["a"]);
  const removal = {
    allocationId: "a",
    jobId: "web",
    reason: "asked",
    endedAt: 1,
    begunAt: 2,
    doneAt: null,
    bytes: 3,
  } as const;
  here.store.beginCollection(removal);
  expect(liveIds()).toEqual([]);
});
