import { beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import type { Allocation } from "../../src/allocation/allocation.ts";
import { newId } from "../../src/base/ids.ts";
import { databaseFile } from "../../src/paths.ts";
import { createRecorder } from "../../src/state/recorder.ts";
import type { JobRecord } from "../../src/state/records.ts";
import { openStore } from "../../src/state/store.ts";
import { agentPerTest } from "../helpers/agent-per-test.ts";
import { idOf, machineOf } from "../helpers/in-process-agent.ts";

setDefaultTimeout(60_000);

const bed = agentPerTest();

beforeEach(async () => {
  await bed.submit({ task: 'kill_timeout = "2s"' });
  await machineOf(bed.agent, "running");
});

/** What an agent has recorded that was killed before it did it. */
async function recorded(change: (job: JobRecord, allocation: Allocation) => [JobRecord | null, Allocation[]]) {
  bed.running.close();
  const store = openStore(databaseFile(bed.dirs));
  const [allocation] = store.liveAllocations();
  const job = store.job("demo");
  if (job === undefined || allocation === undefined) throw new Error("nothing is recorded");
  const [changed, allocations] = change(job, allocation);
  createRecorder(store).record((index) => {
    if (changed === null) store.deleteJob(job.job.id);
    else store.putJob({ ...changed, modifyIndex: index });
    for (const one of allocations) store.putAllocation({ ...one, modifyIndex: index });
  });
  store.close();
  await bed.start();
  return allocation.id;
}

const ended = async (id: string) => {
  await machineOf(bed.agent, "ended");
  const machine = bed.agent.allocation(id).tasks["vm"]?.machine;
  return machine?.kind === "ended" ? machine.ending.stop?.order.cause : machine;
};

test("a job that was stopped when the agent was killed does not run on", async () => {
  const id = await recorded((job) => [{ ...job, stop: true }, []]);
  expect(await ended(id)).toBe("job stopped");
  expect(bed.agent.allocation(id).desired).toBe("stop");
});

test("a job that was removed when the agent was killed does not run on", async () => {
  const id = await recorded(() => [null, []]);
  expect(await ended(id)).toBe("job stopped");
});

test("an allocation that was said to stop when the agent was killed does so, and for the reason given", async () => {
  const id = await recorded((job, one) => [
    job,
    [{ ...one, desired: "stop", desiredDescription: "allocation stopped" }],
  ]);
  expect(await ended(id)).toBe("allocation stopped");
});

test.each([
  ["", (one: Allocation) => ({ waitsFor: [one.id] })],
  [" that an agent of before recorded", () => ({ waitsFor: undefined })],
])("an allocation that was replaced when the agent was killed makes room for its successor%s", async (_, told) => {
  const successor = newId();
  const id = await recorded((job, one) => {
    const tasks = { vm: { ...one.tasks["vm"], machine: { kind: "pending" } } } as Allocation["tasks"];
    const later = { createIndex: one.createIndex + 100, createTime: one.createTime + 1, tasks, ...told(one) };
    const next = { ...one, id: successor, ...later };
    return [job, [next]];
  });
  await machineOf(bed.agent, "running");
  expect(idOf(bed.agent)).toBe(successor);
  const before = bed.agent.allocation(id).tasks["vm"]?.machine;
  expect(before?.kind === "ended" ? before.ending.stop?.order.cause : before).toBe("job updated");
});

test("a machine of which a job had one too many when the agent was killed does not run on", async () => {
  const id = await recorded(({ job, ...record }) => [
    { ...record, job: { ...job, groups: job.groups.map((group) => ({ ...group, count: 0 })) } },
    [],
  ]);
  expect(await ended(id)).toBe("job updated");
});

test("what is to run runs on", async () => {
  const id = await recorded((job) => [job, []]);
  expect((await machineOf(bed.agent, "running")).adopted).toBe(true);
  expect(bed.agent.allocation(id).desired).toBe("run");
});
