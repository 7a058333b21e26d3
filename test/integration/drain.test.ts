import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { clientStatus } from "../../src/allocation/allocation.ts";
import { HOUR, SECOND } from "../../src/base/units.ts";
import type { DrainRequest } from "../../src/node/drain.ts";
import { databaseFile } from "../../src/paths.ts";
import { openStore } from "../../src/state/store.ts";
import { agentPerTest } from "../helpers/agent-per-test.ts";
import { bannerOf, demoJob, idOf, machineOf, newestOf, writeDemoDisk } from "../helpers/in-process-agent.ts";
import { patiently } from "../helpers/until.ts";

setDefaultTimeout(180_000);

const bed = agentPerTest();

const statusOf = (jobId: string): string => clientStatus(bed.agent.allocation(idOf(bed.agent, jobId)));
const begin = (change: Partial<DrainRequest["spec"]> = {}): Promise<number> =>
  bed.agent.setDrain({
    spec: { deadline: HOUR, ignoreSystem: false, ...change },
    markEligible: false,
    accessor: "who",
    meta: { message: "new memory" },
  });
const end = (markEligible = true): Promise<number> =>
  bed.agent.setDrain({ spec: null, markEligible, accessor: "", meta: {} });
const isComplete = (): boolean => bed.agent.drain().last?.status === "complete";
const blocked = (jobId: string) => bed.agent.evaluation(bed.agent.job(jobId).waiting?.evalId ?? "");
const BEING_DRAINED = "this node is being drained and takes no new machines; paddock node drain -disable changes that";
const NOT_ELIGIBLE = "this node takes no new machines; paddock node eligibility -enable changes that";
const disk = (name: string): string => writeDemoDisk(bed.dir.path, name);

test("a drain stops services by their ladder, lets batch jobs end, and all comes back when it is disabled", async () => {
  await bed.submit({ id: "service", task: 'kill_timeout = "20s"' });
  await bed.submit({ id: "batch", type: "batch" }, disk("batch.img"));
  await bannerOf(bed.agent, "service");
  await machineOf(bed.agent, "running", "batch");
  const [old, batch] = [idOf(bed.agent, "service"), idOf(bed.agent, "batch")];
  await begin();
  expect(bed.agent.isEligible()).toBe(false);
  expect(bed.agent.allocation(old)).toMatchObject({
    desired: "stop",
    desiredDescription: "alloc is being migrated",
  });
  await expect(bed.agent.restartAllocation(old, "")).rejects.toMatchObject({ code: "conflict" });
  expect(blocked("service")).toMatchObject({ status: "blocked", failures: [{ filtered: [BEING_DRAINED] }] });
  expect(bed.agent.evaluations({ jobId: "service" }).map(({ triggeredBy }) => triggeredBy)).toContain("node-drain");
  const { ending } = await machineOf(bed.agent, "ended", "service");
  expect(ending.stop?.order).toMatchObject({ cause: "alloc is being migrated", graceful: true, killTimeout: 20_000 });
  await bed.submit({ id: "new" }, disk("new.img"));
  expect(blocked("new")).toMatchObject({ failures: [{ filtered: [BEING_DRAINED] }] });
  await expect(bed.agent.setEligible(true)).rejects.toMatchObject({ code: "conflict" });
  expect([isComplete(), bed.agent.allocation(batch).desired, statusOf("batch")]).toEqual([false, "run", "running"]);
  // What has not ended is followed: its restart is its own affair.
  await bed.agent.stopAllocation(batch, { force: "SIGKILL" });
  await patiently("the drain to be complete", isComplete);
  expect(bed.agent.drain()).toMatchObject({
    strategy: null,
    last: { status: "complete", accessor: "who", meta: { message: "new memory" } },
  });
  await patiently("the reason to be another", () => blocked("service").failures?.[0]?.filtered[0] === NOT_ELIGIBLE);
  await bed.restart(undefined, { bootId: "another boot" });
  expect([bed.agent.isEligible(), idOf(bed.agent, "service"), bed.agent.allocations({ jobId: "new" })]).toEqual([
    false,
    old,
    [],
  ]);
  await end();
  await patiently(
    "the service to come back",
    () => idOf(bed.agent, "service") !== old && statusOf("service") === "running",
  );
  expect(newestOf(bed.agent, "service")).toMatchObject({ previousAllocation: old, index: 0 });
  await patiently("the new job", () => bed.agent.allocations({ jobId: "new" }).length === 1);
  // Somebody had stopped that allocation: it does not come back.
  expect(idOf(bed.agent, "batch")).toBe(batch);
  expect(bed.agent.drain().last?.status).toBe("complete");
});

describe("the deadline", () => {
  const DEAF = 'kill_timeout = "1h"';

  test("stops by force what still runs, batch jobs too, which come back", async () => {
    await bed.submit({ id: "batch", type: "batch" });
    await machineOf(bed.agent, "running", "batch");
    const batch = idOf(bed.agent, "batch");
    await begin({ deadline: SECOND / 2 });
    await patiently("the drain to be complete", isComplete);
    const { ending } = await machineOf(bed.agent, "ended", "batch");
    expect(ending.stop?.order).toMatchObject({ cause: "alloc is being migrated", force: "SIGTERM" });
    expect(bed.agent.job("batch").waiting?.groups).toEqual(["g"]);
    await end();
    await patiently("it to come back", () => idOf(bed.agent, "batch") !== batch && statusOf("batch") === "running");
  });

  test("makes a stop harder that is under way, and a later request moves it", async () => {
    // Its kernel is held, so that nobody hears the button.
    await bed.submit({ id: "deaf", task: DEAF, config: 'args = ["-S"]' });
    await bed.submit({ id: "slow", task: `${DEAF}\n shutdown_delay = "1h"` }, disk("slow.img"));
    await machineOf(bed.agent, "running", "slow");
    await begin({ deadline: 0 });
    await machineOf(bed.agent, "stopping", "slow");
    expect(bed.agent.drain().strategy).toMatchObject({ deadline: 0, forceAt: null });
    const { startedAt } = bed.agent.drain().last ?? {};
    await begin({ deadline: -SECOND });
    await patiently("the drain to be complete", isComplete);
    expect(bed.agent.drain().last?.startedAt).toBe(startedAt ?? 0);
    const { ending } = await machineOf(bed.agent, "ended", "slow");
    expect(ending.stop?.order.force).toBe("SIGTERM");
  });
});

test("an agent that is gone half way goes on with the drain, also past its deadline", async () => {
  await bed.submit({ id: "slow", task: 'kill_timeout = "1h"\n shutdown_delay = "1h"' });
  await bed.submit({ id: "batch", type: "batch" }, disk("batch.img"));
  await machineOf(bed.agent, "running", "slow");
  await machineOf(bed.agent, "running", "batch");
  await begin({ deadline: 3 * SECOND });
  const { forceAt } = bed.agent.drain().strategy ?? {};
  await bed.restart(() => patiently("the deadline", () => Date.now() > (forceAt ?? Number.POSITIVE_INFINITY)));
  await patiently("the drain to be complete", isComplete);
  for (const jobId of ["slow", "batch"]) {
    expect(bed.agent.allocation(idOf(bed.agent, jobId)).desiredDescription).toBe("alloc is being migrated");
    expect(bed.agent.job(jobId).waiting?.groups).toEqual(["g"]);
  }
});

test("after a reboot during a drain nothing starts, and batch jobs that it ended come back later", async () => {
  await bed.submit({
    id: "batch",
    type: "batch",
    restart: 'attempts = 3\n delay = "1h"\n interval = "24h"\n mode = "delay"',
  });
  const { identity } = await machineOf(bed.agent, "running", "batch");
  const batch = idOf(bed.agent, "batch");
  await begin();
  await bed.restart(
    async () => {
      process.kill(identity.pid, "SIGKILL");
    },
    { bootId: "another boot" },
  );
  await patiently("the drain to be complete", isComplete);
  expect(bed.agent.allocation(batch)).toMatchObject({ desired: "stop", desiredDescription: "alloc is being migrated" });
  expect(bed.agent.job("batch").waiting?.groups).toEqual(["g"]);
  await end(false);
  expect([bed.agent.isEligible(), bed.agent.drain().last?.status]).toEqual([false, "complete"]);
});

test("a stop that a former agent recorded for a drain and did not begin is gone through with", async () => {
  await bed.submit();
  await machineOf(bed.agent, "running");
  const id = idOf(bed.agent);
  await bed.restart(() => {
    const store = openStore(databaseFile(bed.dirs));
    const found = store.allocation(id);
    if (found !== undefined) {
      store.putAllocation({ ...found, desired: "stop", desiredDescription: "alloc is being migrated" });
    }
    store.close();
  });
  const { ending } = await machineOf(bed.agent, "ended");
  expect(ending.stop?.order.cause).toBe("alloc is being migrated");
});

test("a drain that ends half way lets what is being stopped come back when it has ended, and what was changed meanwhile", async () => {
  await bed.submit({ task: 'shutdown_delay = "1h"' });
  await machineOf(bed.agent, "running");
  const old = idOf(bed.agent);
  await begin();
  // The same places wait for another version now, and one that is stopped waits for nothing.
  const { job } = await bed.submit({ task: 'kill_timeout = "21s"\n env { A = "1" }' });
  expect(job.waiting?.groups).toEqual(["g"]);
  await bed.submit({ id: "gone" }, disk("gone.img"));
  await bed.agent.deregisterJob("gone", { purge: false });
  await end();
  expect(bed.agent.drain()).toMatchObject({ strategy: null, last: { status: "canceled" } });
  await patiently("the new version to be placed", () => newestOf(bed.agent)?.jobVersion === 1);
  await bed.agent.stopAllocation(old, { force: "SIGTERM" });
  await patiently(
    "the new version to run",
    () => newestOf(bed.agent)?.jobVersion === 1 && statusOf("demo") === "running",
  );
  expect(newestOf(bed.agent)).toMatchObject({ previousAllocation: old, waitsFor: [old] });
  expect(bed.agent.allocation(old).tasks["vm"]?.machine.kind).toBe("ended");
  expect(bed.agent.allocations({ jobId: "gone" })).toEqual([]);
  expect(bed.agent.job("demo").waiting).toBeUndefined();
});

test("system jobs are stopped last, or are left alone", async () => {
  await bed.submit({ id: "web", task: 'kill_timeout = "20s"' });
  const other = demoJob(disk("system.img"), { id: "system" });
  await bed.agent.registerJob({ ...other, type: "system" }, null, {});
  await bannerOf(bed.agent, "web");
  await machineOf(bed.agent, "running", "system");
  await begin({ ignoreSystem: true });
  await patiently("the drain to be complete", isComplete);
  expect([statusOf("web"), statusOf("system")]).toEqual(["complete", "running"]);
  await end();
  await patiently("the service to come back", () => statusOf("web") === "running");
  await bannerOf(bed.agent, "web");
  await begin();
  expect(bed.agent.allocation(idOf(bed.agent, "system")).desired).toBe("run");
  await patiently("the drain to be complete", isComplete);
  expect([statusOf("web"), statusOf("system")]).toEqual(["complete", "complete"]);
  const endOf = (jobId: string) => newestOf(bed.agent, jobId)?.tasks["vm"]?.finishedAt ?? 0;
  expect(endOf("system")).toBeGreaterThanOrEqual(endOf("web"));
});
