import { expect, test } from "bun:test";
import type { AgentContext } from "../../../src/agent/context.ts";
import { settleStops } from "../../../src/agent/settle.ts";
import type { Allocation } from "../../../src/allocation/allocation.ts";
import { createLog } from "../../../src/base/log.ts";
import type { JobRecord } from "../../../src/state/records.ts";
import { copyOf, groupsJob } from "../../helpers/copies.ts";
import { manualClock } from "../../helpers/manual-clock.ts";
import { jobRecord, RUNNING, STOPPING, taskRecord } from "../../helpers/records.ts";

const runs = (index: number, change: Partial<Allocation> = {}): Allocation =>
  copyOf({ group: "a", index, tasks: { vm: taskRecord(RUNNING) }, ...change });
const next = (index: number): Allocation => copyOf({ group: "a", index, createIndex: 2, jobVersion: 1 });
const stopping = { desired: "stop", desiredDescription: "allocation stopped" } as const;
const TWO = jobRecord({ job: groupsJob({ a: 2 }), version: 1 });

test.each<[what: string, record: JobRecord | undefined, live: Allocation[], stopped: string[]]>([
  [
    "one in whose place another was recorded, and not whose turn is to come",
    TWO,
    [runs(0), runs(1), next(0)],
    ["a0-1 job updated"],
  ],
  ["one too many", TWO, [runs(0), runs(1), runs(2)], ["a2-1 job updated"]],
  [
    "all of a job that was stopped",
    { ...TWO, stop: true },
    [runs(0), runs(1)],
    ["a0-1 job stopped", "a1-1 job stopped"],
  ],
  ["all of a job that was removed", undefined, [runs(0)], ["a0-1 job stopped"]],
  ["one that was said to stop", TWO, [runs(0, stopping), runs(1)], ["a0-1 allocation stopped"]],
  ["none whose stop is under way", TWO, [runs(0, { ...stopping, tasks: { vm: taskRecord(STOPPING) } }), runs(1)], []],
])("the next agent goes through with the stop of %s", (_what, record, live, expected) => {
  const stopped: string[] = [];
  const context = {
    store: { liveAllocations: () => live, job: () => record, jobVersion: () => record },
    supervisor: { stop: (id: string, _order: unknown, cause: string) => stopped.push(`${id} ${cause}`) },
    policy: { maxKillTimeout: 0 },
    clock: manualClock(),
    log: createLog("error", () => undefined),
  } as unknown as AgentContext;
  settleStops(context);
  expect(stopped).toEqual(expected);
});
