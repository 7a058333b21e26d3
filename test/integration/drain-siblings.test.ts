import { expect, setDefaultTimeout, test } from "bun:test";
import { SECOND } from "../../src/base/units.ts";
import { siblingsBed } from "../helpers/siblings-bed.ts";
import { patiently } from "../helpers/until.ts";

setDefaultTimeout(180_000);

const shop = siblingsBed();
const { bed } = shop;

const begin = (deadline: number): Promise<number> =>
  bed.agent.setDrain({ spec: { deadline, ignoreSystem: false }, markEligible: false, accessor: "", meta: {} });
const end = (): Promise<number> => bed.agent.setDrain({ spec: null, markEligible: true, accessor: "", meta: {} });
const isComplete = (): boolean => bed.agent.drain().last?.status === "complete";
const HELD = { task: 'shutdown_delay = "1h"' };

test("a drain stops the leader of each copy first, and every copy comes back", async () => {
  await bed.agent.registerJob(shop.jobOf({ lead: { task: "leader = true" }, side: {} }, { count: 2 }), null, {});
  for (const index of [0, 1]) await shop.running(["lead", "side"], index);
  const old = [0, 1].map((index) => shop.copy(index).id);
  await begin(60 * SECOND);
  expect(bed.agent.job("shop").waiting?.groups).toEqual(["g", "g"]);
  await patiently("the drain to be complete", isComplete);
  for (const index of [0, 1]) {
    const { lead, side } = shop.copy(index).tasks;
    expect(lead?.finishedAt).toBeLessThanOrEqual(side?.finishedAt ?? 0);
  }
  await end();
  for (const index of [0, 1]) {
    await patiently("the copy to come back", () => shop.copy(index).previousAllocation === old[index]);
    await shop.running(["lead", "side"], index);
  }
});

test("what ends for another reason while the node is drained does not come back", async () => {
  await bed.agent.registerJob(shop.jobOf({ lead: {}, side: HELD }), null, {});
  const { lead } = await shop.running(["lead", "side"]);
  process.kill(lead ?? 0, "SIGKILL");
  await patiently("the others to be stopped", () => shop.machine("side")?.kind === "stopping");
  await begin(0);
  expect([bed.agent.job("shop").waiting, isComplete()]).toEqual([undefined, false]);
  await begin(-SECOND);
  await patiently("the drain to be complete", isComplete);
  await end();
  expect([shop.all().length, bed.agent.job("shop").waiting]).toEqual([1, undefined]);
});

test("what has run for as long as it may does not come back", async () => {
  const job = shop.jobOf({ vm: HELD }, { type: "batch", group: 'max_run_duration = "1s"' });
  await bed.agent.registerJob(job, null, {});
  await patiently("its time to be over", () => shop.machine("vm")?.kind === "stopping");
  await begin(-SECOND);
  await patiently("the drain to be complete", isComplete);
  await end();
  expect([shop.all().length, bed.agent.job("shop").waiting]).toEqual([1, undefined]);
});
