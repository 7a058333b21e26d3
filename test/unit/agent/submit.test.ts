import { expect, test } from "bun:test";
import type { AgentContext } from "../../../src/agent/context.ts";
import { createAgent } from "../../../src/agent/create.ts";
import { submitJob } from "../../../src/agent/submit.ts";
import type { Allocation } from "../../../src/allocation/allocation.ts";
import { isTerminal } from "../../../src/allocation/allocation.ts";
import { createLog } from "../../../src/base/log.ts";
import { createRecorder, StoreError } from "../../../src/state/recorder.ts";
import type { JobRecord } from "../../../src/state/records.ts";
import type { Store } from "../../../src/state/store.ts";
import { capacity } from "../../helpers/capacity.ts";
import { copyOf, groupsJob } from "../../helpers/copies.ts";
import { manualClock } from "../../helpers/manual-clock.ts";
import { allocation, CRASHED, ended, jobRecord, NODE, RUNNING, taskRecord } from "../../helpers/records.ts";
import { storePerTest } from "../../helpers/store-per-test.ts";
import { until } from "../../helpers/until.ts";

const bed = storePerTest();

function contextOver(store: Store, more: object): AgentContext {
  const known = {
    store,
    recorder: createRecorder(store),
    node: () => ({ ...NODE, capacity: capacity() }),
    nodeComplete: Promise.resolve(),
    lookAtNode: () => Promise.resolve(),
    policy: { imagePaths: [], argsAllowlist: [], emulatorsAllowlist: [], maxKillTimeout: 0 },
    dirs: { dataDir: bed.dir.file("data"), runDir: bed.dir.file("run") },
    site: { offline: false, trustedKeys: null },
    users: null,
    clock: manualClock(),
    log: createLog("error", () => undefined),
  };
  return { ...known, ...more } as unknown as AgentContext;
}

test("a machine that ends while a job that leaves it alone is looked at has ended", async () => {
  const { store } = bed;
  const running = allocation({ tasks: { vm: taskRecord(RUNNING) } });
  const over = { ...running, tasks: { vm: taskRecord(ended(CRASHED)) } };
  const { job } = jobRecord();
  store.putJob(jobRecord());
  store.putAllocation(running);
  const updated: string[] = [];
  let ends = true;
  // Asked for once what goes on is known.
  const evaluations: Store["evaluations"] = (filter) => {
    if (ends) store.putAllocation(over);
    ends = false;
    return store.evaluations(filter);
  };
  const supervisor = { live: () => undefined, update: (id: string) => updated.push(id) };
  const context = contextOver({ ...store, evaluations }, { supervisor });
  await submitJob(context, { ...job, meta: { owner: "dev" } }, null, undefined);
  expect(store.liveAllocations()).toEqual([]);
  const kept = store.allocation(running.id);
  expect(kept === undefined ? null : [isTerminal(kept), kept.jobVersion]).toEqual([true, 0]);
  expect(updated).toEqual([]);
});

test("a change whose machines cannot be begun with goes on in its turns all the same", async () => {
  const { store } = bed;
  const job = groupsJob({ a: 2 }, { networks: [] });
  store.putJob(jobRecord({ job }));
  for (const index of [0, 1]) store.putAllocation(copyOf({ group: "a", index, tasks: { vm: taskRecord(RUNNING) } }));
  const started: number[] = [];
  let faulty = true;
  const supervisor = {
    live: () => undefined,
    whenEnded: () => undefined,
    stop: () => undefined,
    start: ({ index }: Allocation) => {
      started.push(index);
      if (faulty) throw new StoreError(new Error("database or disk is full"));
    },
  };
  const garbage = { intervalMillis: 60_000, maxAllocs: 50, diskUsage: 100, inodeUsage: 100 };
  const context = contextOver(store, { supervisor, garbage, cacheKeeper: { grown: () => undefined } });
  const agent = createAgent(context);
  const next = {
    ...job,
    groups: job.groups.map((one) => ({ ...one, ephemeral_disk: { ...one.ephemeral_disk, size: 77 } })),
  };
  await expect(agent.registerJob(next, null, {})).rejects.toThrow("disk is full");
  faulty = false;
  const first = store.allocations({ jobId: "web" }).find(({ jobVersion }) => jobVersion === 1);
  if (first === undefined) throw new Error("nothing was recorded");
  context.recorder.record(() => store.putAllocation({ ...first, tasks: { vm: taskRecord(RUNNING) } }));
  await until("the other one to have its turn", () => started.length === 2);
  expect(started).toEqual([0, 1]);
  agent.close();
});

const PLACES = [{ group: "a", index: 1 }];

test.each<[what: string, more: Partial<JobRecord>, kept: boolean]>([
  ["is on its way keeps its place among those that wait", { rollout: { evalId: "e", places: PLACES } }, true],
  ["waits for room keeps it, too", { waiting: { evalId: "e", groups: ["a"] } }, true],
  ["waits for nothing comes last", {}, false],
])("a job that is asked for again and %s", async (_what, more, kept) => {
  const { store } = bed;
  const job = groupsJob({ a: 2 }, { networks: [] });
  store.putJob(jobRecord({ job, submitTime: 5, ...more }));
  const supervisor = { live: () => undefined, start: () => undefined };
  const { job: record } = await submitJob(contextOver(store, { supervisor }), job, null, undefined);
  expect([record.version, record.submitTime === 5, store.allocations({ jobId: "web" }).length]).toEqual([0, kept, 2]);
});
