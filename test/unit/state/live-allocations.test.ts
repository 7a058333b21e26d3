import { afterEach, beforeEach, expect, test } from "bun:test";
import type { Allocation } from "../../../src/allocation/allocation.ts";
import { openStore, type Store } from "../../../src/state/store.ts";
import { tempPerTest } from "../../helpers/temp-per-test.ts";

const dir = tempPerTest();
let store: Store;

beforeEach(() => {
  store = openStore(dir.file("paddock.db"));
});
afterEach(() => {
  store.close();
});

const allocation = (id: string, createIndex: number, kind: "pending" | "ended" = "pending") =>
  ({
    id,
    jobId: "web",
    createIndex,
    tasks: { vm: { machine: kind === "ended" ? { kind, ending: {} } : { kind }, events: [] } },
  }) as unknown as Allocation;

const liveIds = () => store.liveAllocations().map(({ id }) => id);

test("the allocations that live are the same for who asks twice and for who opens the store anew", () => {
  store.putAllocation(allocation("b", 2));
  store.putAllocation(allocation("c", 2));
  expect(liveIds()).toEqual(["b", "c"]);
  store.putAllocation(allocation("a", 2));
  store.putAllocation(allocation("z", 1));
  store.putAllocation(allocation("b", 2, "ended"));
  expect(liveIds()).toEqual(["z", "a", "c"]);
  store.close();
  store = openStore(dir.file("paddock.db"));
  expect(liveIds()).toEqual(["z", "a", "c"]);
});

test("what a transaction wrote that failed lives no more, and what it ended lives", () => {
  store.putAllocation(allocation("a", 1));
  expect(liveIds()).toEqual(["a"]);
  const refuse = (): void => {
    store.putAllocation(allocation("a", 1, "ended"));
    store.putAllocation(allocation("b", 2));
    expect(liveIds()).toEqual(["b"]);
    throw new Error("no");
  };
  expect(() => store.transaction(refuse)).toThrow("no");
  expect(liveIds()).toEqual(["a"]);
});

test("an allocation that is removed lives no more", () => {
  store.putAllocation(allocation("a", 1));
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
  store.beginCollection(removal);
  expect(liveIds()).toEqual([]);
});
