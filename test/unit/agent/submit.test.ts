import { expect, test } from "bun:test";
import type { AgentContext } from "../../../src/agent/context.ts";
import { submitJob } from "../../../src/agent/submit.ts";
import { isTerminal } from "../../../src/allocation/allocation.ts";
import { createLog } from "../../../src/base/log.ts";
import { createRecorder } from "../../../src/state/recorder.ts";
import { openStore } from "../../../src/state/store.ts";
import { capacity } from "../../helpers/capacity.ts";
import { manualClock } from "../../helpers/manual-clock.ts";
import { allocation, CRASHED, ended, jobOf, jobText, NODE, RUNNING, taskRecord } from "../../helpers/records.ts";
import { tempPerTest } from "../../helpers/temp-per-test.ts";

const dir = tempPerTest();

test("a machine that ends while a job that leaves it alone is looked at has ended", async () => {
  const store = openStore(dir.file("paddock.db"));
  const running = allocation({ tasks: { vm: taskRecord(RUNNING) } });
  const over = { ...running, tasks: { vm: taskRecord(ended(CRASHED)) } };
  const job = jobOf(jobText());
  store.putJob({
    ...{ job, version: 0, stop: false, submitTime: 0, submission: null },
    ...{ createIndex: 1, modifyIndex: 1, jobModifyIndex: 1 },
  });
  store.putAllocation(running);
  const updated: string[] = [];
  let ends = true;
  const context = {
    store: {
      ...store,
      // Asked for once what goes on is known.
      evaluations: (filter: { jobId?: string }) => {
        if (ends) store.putAllocation(over);
        ends = false;
        return store.evaluations(filter);
      },
    },
    recorder: createRecorder(store),
    node: () => ({ ...NODE, capacity: capacity() }),
    nodeComplete: Promise.resolve(),
    lookAtNode: () => Promise.resolve(),
    supervisor: { live: () => undefined, update: (id: string) => updated.push(id) },
    policy: { imagePaths: [], argsAllowlist: [], emulatorsAllowlist: [], maxKillTimeout: 0 },
    dirs: { dataDir: dir.file("data"), runDir: dir.file("run") },
    users: null,
    clock: manualClock(),
    log: createLog("error", () => undefined),
  } as unknown as AgentContext;
  await submitJob(context, { ...job, meta: { owner: "dev" } }, null, undefined);
  expect(store.liveAllocations()).toEqual([]);
  const kept = store.allocation(running.id);
  expect(kept === undefined ? null : [isTerminal(kept), kept.jobVersion]).toEqual([true, 0]);
  expect(updated).toEqual([]);
  store.close();
});
