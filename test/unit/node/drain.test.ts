import { expect, test } from "bun:test";
import { HOUR, SECOND } from "../../../src/base/units.ts";
import { changeDrain, completeDrain, type DrainRequest, isForced, NO_DRAIN } from "../../../src/node/drain.ts";

const request = (change: Partial<DrainRequest> = {}): DrainRequest => ({
  spec: { deadline: HOUR, ignoreSystem: false },
  markEligible: false,
  accessor: "a",
  meta: { message: "why" },
  ...change,
});
const at = (now: number) => ({ now, bootId: "boot" });

test("a drain that is changed goes on since its beginning, and keeps who asked and why unless told", () => {
  const first = changeDrain(NO_DRAIN, request(), at(1_000));
  expect(first.strategy).toEqual({
    deadline: HOUR,
    ignoreSystem: false,
    startedAt: 1_000,
    forceAt: 3_601_000,
    bootId: "boot",
  });
  expect(first.last).toEqual({
    startedAt: 1_000,
    updatedAt: 1_000,
    status: "draining",
    accessor: "a",
    meta: { message: "why" },
  });
  const spec = { deadline: 0, ignoreSystem: true };
  const second = changeDrain(first, request({ spec, accessor: "", meta: {} }), at(2_000));
  expect(second.strategy).toMatchObject({ ...spec, startedAt: 1_000, forceAt: null });
  expect(second.last).toMatchObject({ startedAt: 1_000, updatedAt: 2_000, accessor: "a", meta: { message: "why" } });
});

test("a drain ends complete or canceled, and the end of none changes nothing", () => {
  const begun = changeDrain(NO_DRAIN, request(), at(1));
  const done = completeDrain(begun, 5);
  expect(done).toMatchObject({ strategy: null, last: { status: "complete", startedAt: 1, updatedAt: 5 } });
  const ended = request({ spec: null, accessor: "b" });
  expect(changeDrain(done, ended, at(6))).toEqual(done);
  expect(changeDrain(NO_DRAIN, ended, at(6))).toEqual(NO_DRAIN);
  expect(changeDrain(begun, ended, at(6)).last).toMatchObject({ status: "canceled", accessor: "b", updatedAt: 6 });
  // The next one is another.
  expect(changeDrain(done, request({ accessor: "", meta: {} }), at(9)).last).toEqual({
    startedAt: 9,
    updatedAt: 9,
    status: "draining",
    accessor: "",
    meta: {},
  });
});

test("force comes at the deadline, at once, or never", () => {
  const strategy = (deadline: number) => {
    const { strategy } = changeDrain(NO_DRAIN, request({ spec: { deadline, ignoreSystem: false } }), at(1_000));
    if (strategy === null) throw new Error("there is no drain");
    return strategy;
  };
  expect([1_999, 2_000].map((now) => isForced(strategy(SECOND), now))).toEqual([false, true]);
  expect(isForced(strategy(-SECOND), 1_000)).toBe(true);
  expect(isForced(strategy(0), Number.MAX_SAFE_INTEGER)).toBe(false);
});
