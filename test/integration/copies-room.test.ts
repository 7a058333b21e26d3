import { describe, expect, setDefaultTimeout, test } from "bun:test";
import type { JobPlan } from "../../src/agent/plan/plan-job.ts";
import { placeName } from "../../src/allocation/place.ts";
import { copiesBed } from "../helpers/copies-bed.ts";
import { demoJob, machineOf, writeDemoDisk } from "../helpers/in-process-agent.ts";
import { SMALL } from "../helpers/placing.ts";
import { freePort } from "../helpers/ports.ts";
import { until } from "../helpers/until.ts";

setDefaultTimeout(120_000);

const { bed, live, jobOf, running, submit } = copiesBed({ capacity: SMALL });

const blocked = () => bed.agent.evaluations({ jobId: "web" }).filter(({ status }) => status === "blocked");
const troubles = ({ findings }: JobPlan): string[] => findings.filter(({ ok }) => !ok).map(({ text }) => text);

describe("of copies for which there is not enough room", () => {
  test("some run, the others wait with the reason, and start one by one when there is more", async () => {
    const job = jobOf({ a: { count: 4 } });
    const plan = await bed.agent.planJob(job);
    expect(plan.failures).toMatchObject([{ group: "a", coalesced: 1 }]);
    expect(troubles(plan)).toEqual(["4 × memory: 128 MiB needed, 44 of 300 MiB free"]);
    const { evaluation, job: record } = await submit(job);
    expect(evaluation.failures).toMatchObject([{ group: "a", coalesced: 1 }]);
    expect(record).toMatchObject({
      waiting: { evalId: evaluation.blockedEval, groups: ["a", "a"] },
      rollout: {
        places: [
          { group: "a", index: 2 },
          { group: "a", index: 3 },
        ],
      },
    });
    await running("a[0]", "a[1]");
    // The next agent knows who waits.
    await bed.restart(undefined, { capacity: { total: { ...SMALL.total, memory: 400 } } });
    const three = await running("a[0]", "a[1]", "a[2]");
    expect(blocked()).toMatchObject([{ id: evaluation.blockedEval, failures: [{ group: "a" }] }]);
    expect(bed.agent.allocation(three["a[2]"]?.id ?? "").evalId).toBe(evaluation.blockedEval ?? "");
    await bed.restart(undefined, { capacity: { total: { ...SMALL.total, memory: 600 } } });
    await running("a[0]", "a[1]", "a[2]", "a[3]");
    expect(blocked()).toEqual([]);
    expect(bed.agent.job("web").rollout).toBeUndefined();
  });

  test("none keeps another group from its room, and one that is gone makes room for what waits", async () => {
    await submit(jobOf({ a: { count: 2 }, b: {} }));
    await running("a[0]", "a[1]");
    expect(blocked()).toMatchObject([{ failures: [{ group: "b" }] }]);
    // It is placed at once, and begins when the one that goes has ended.
    const { job } = await submit(jobOf({ a: { count: 1 }, b: {} }));
    expect([job.waiting, job.rollout]).toEqual([undefined, undefined]);
    await running("a[0]", "b[0]");
  });

  test("what is replaced leaves its room to its successor alone, also where there is none beside it", async () => {
    await submit(jobOf({ a: { count: 2 } }));
    await running("a[0]", "a[1]");
    const other = demoJob(writeDemoDisk(bed.dir.path, "other.img"), { id: "other" });
    await bed.agent.registerJob(other, null, {});
    await submit(jobOf({ a: { count: 2, config: 'args = ["-smp", "2"]' } }));
    await until("both to be of the new version", () => bed.agent.job("web").rollout === undefined);
    const after = await running("a[0]", "a[1]");
    expect(Object.values(after).map(({ version }) => version)).toEqual([1, 1]);
    expect(bed.agent.job("other").waiting).toBeDefined();
    await submit(jobOf({ a: { count: 1, config: 'args = ["-smp", "2"]' } }));
    await machineOf(bed.agent, "running", "other");
  });

  test("those that are replaced go first, for they have their room, and new ones wait for what is left", async () => {
    await submit(jobOf({ a: { count: 2 } }));
    await running("a[0]", "a[1]");
    const changed = jobOf({ a: { count: 4, config: 'args = ["-smp", "2"]' } });
    expect((await bed.agent.planJob(changed)).failures).toMatchObject([{ group: "a", coalesced: 1 }]);
    const { evaluation } = await submit(changed);
    expect(evaluation.failures).toMatchObject([{ group: "a", coalesced: 1 }]);
    await until(
      "both to be of the new version",
      () => live().filter(({ jobVersion }) => jobVersion === 0).length === 0,
    );
    const after = await running("a[0]", "a[1]");
    expect(Object.values(after).map(({ version }) => version)).toEqual([1, 1]);
    expect(bed.agent.job("web")).toMatchObject({
      waiting: { groups: ["a", "a"] },
      rollout: { places: [{ index: 2 }, { index: 3 }] },
    });
  });

  test("a new one does not take the room that one needs which is replaced by a larger one", async () => {
    await submit(jobOf({ a: {} }));
    await running("a[0]");
    // 160 MiB are free beside the 128 of before, and not beside another 160.
    const larger = jobOf({ a: { count: 2, memory: 160 } });
    const { evaluation } = await submit(larger);
    expect(evaluation.failures).toMatchObject([{ group: "a" }]);
    const { "a[0]": first } = await running("a[0]");
    expect(first?.version).toBe(1);
  });

  test("a second one that asks for the same port of the host waits, which a plan tells with the first one's name", async () => {
    const port = await freePort();
    const job = jobOf({ a: { count: 2, group: `network {\n port "http" {\n static = ${port}\n to = 80\n }\n }` } });
    const plan = await bed.agent.planJob(job);
    const text = `port ${port} (label "http") is held by ${placeName("web", { group: "a", index: 0 })} of the same job`;
    expect(plan.failures).toMatchObject([{ group: "a", shortages: [{ text, never: true }] }]);
    const { evaluation } = await submit(job);
    expect(evaluation.failures).toMatchObject([{ group: "a", shortages: [{ text, never: true }] }]);
    await running("a[0]");
  });
});

describe("of copies that would share a disk", () => {
  const inPlace = (count: number) => jobOf({ a: { count, disk: "direct" } });

  test("a plan says so, also of one beside another that runs", async () => {
    const shared = expect.stringMatching(
      /is the disk of task "vm" of web\.a\[0\] as well as of task "vm" of web\.a\[1\]$/,
    );
    expect(troubles(await bed.agent.planJob(inPlace(2)))).toEqual([shared]);
    expect(troubles(await bed.agent.planJob(inPlace(1)))).toEqual([]);
    await submit(inPlace(1));
    const { "a[0]": first } = await running("a[0]");
    const more = await bed.agent.planJob(inPlace(2));
    expect(troubles(more)).toEqual([expect.stringContaining(`QEMU is process ${first?.pid}`)]);
  });

  test("the second one fails, and the first one runs on", async () => {
    await submit(inPlace(2));
    await until("one to have failed", () => live().length === 1);
    expect(
      bed.agent
        .allocations({ jobId: "web" })
        .map(({ index }) => index)
        .toSorted(),
    ).toEqual([0, 1]);
  });
});
