import { expect, test } from "bun:test";
import { createLog } from "../../../src/base/log.ts";
import { StoreError } from "../../../src/state/recorder.ts";
import { AllocationActor } from "../../../src/supervisor/actor.ts";
import type { ActorContext } from "../../../src/supervisor/desk.ts";
import { manualClock } from "../../helpers/manual-clock.ts";
import { allocation } from "../../helpers/records.ts";

test("that an allocation is to stop is kept on a full disk, by what was set aside", () => {
  const written: unknown[] = [];
  const full = (): never => {
    throw new StoreError(new Error("database or disk is full"));
  };
  const context = {
    store: { putAllocation: (one: unknown) => written.push(one) },
    recorder: { record: full, recordFreeing: (work: (index: number) => unknown) => work(7) },
    // Of its boot nothing is known.
    clock: { ...manualClock(), sinceBoot: () => null },
    log: createLog("error", () => undefined),
  } as unknown as ActorContext;
  const actor = new AllocationActor(allocation(), context);
  actor.setStopped("job updated");
  expect(actor.allocation).toMatchObject({ desired: "stop", desiredDescription: "job updated", modifyIndex: 7 });
  expect(written).toEqual([actor.allocation]);
});
