import { describe, expect, setDefaultTimeout, test } from "bun:test";
import type { Rung } from "../../src/allocation/ladder.ts";
import { makeCounterDisk } from "../guests/counter.ts";
import { agentPerTest } from "../helpers/agent-per-test.ts";
import { bannerOf, type DemoJob, demoJob, machineOf } from "../helpers/in-process-agent.ts";
import { checkDisk, stopping, ungraceful } from "../helpers/stopping.ts";
import { until } from "../helpers/until.ts";

setDefaultTimeout(60_000);

const bed = agentPerTest();
const { startDemo, startDeaf, stop, receipt, demoQcow2 } = stopping(bed);

describe("every rung leaves a qcow2 clean", () => {
  const rungs: [Rung, object, DemoJob][] = [
    ["powerdown", {}, {}],
    ["quit", {}, {}],
    ["SIGTERM", { force: "SIGTERM" }, {}],
    ["SIGKILL", { force: "SIGKILL" }, {}],
  ];
  for (const [rung, options, more] of rungs) {
    test(rung, async () => {
      const disk = demoQcow2("-c");
      const job = demoJob(disk, more);
      await bed.agent.registerJob(rung === "quit" ? ungraceful(job) : job, null, {});
      await machineOf(bed.agent, "running");
      await bannerOf(bed.agent);
      await stop(options);
      expect((await receipt()).rung).toBe(rung);
      // What was not flushed when SIGKILL came is lost: clusters that nobody uses, never ones that two use.
      expect(rung === "SIGKILL" ? [0, 3] : [0]).toContain(checkDisk(disk) ?? -1);
    });
  }
});

test("a guest in which no agent listens has its button pressed at once", async () => {
  await startDemo({ config: "guest_agent = true" });
  await stop();
  const { rung, tries, answers } = await receipt();
  expect(rung).toBe("powerdown");
  expect(answers.slice(0, 2)).toEqual(["guest-agent: nobody listens in the guest", "powerdown: accepted"]);
  expect((tries[1]?.at ?? 0) - (tries[0]?.at ?? 0)).toBeLessThan(4_000);
});

describe("a stop by force", () => {
  test("in the middle of another ends a guest that hears nothing, at once", async () => {
    await startDeaf({ task: 'kill_timeout = "29s"' });
    await stop();
    await until("a press", async () => (await machineOf(bed.agent, "stopping")).tries.length > 0);
    await stop({ force: "SIGKILL" });
    const { ending, rung } = await receipt();
    expect(rung).toBe("SIGKILL");
    expect(ending).toMatchObject({ reason: "killed", failed: false, hint: null });
  });

  test("skips shutdown_delay", async () => {
    await startDemo({ task: 'shutdown_delay = "1h"' });
    await stop({ force: "SIGTERM" });
    expect((await receipt()).rung).toBe("SIGTERM");
  });
});

test("a stop waits for shutdown_delay, unless it is told not to", async () => {
  await startDemo({ task: 'shutdown_delay = "1500ms"' });
  await stop();
  const first = (await receipt()).tries[0]?.at ?? 0;
  expect(first - ((await receipt()).ending.stop?.order.requestedAt ?? 0)).toBeGreaterThanOrEqual(1_500);
  await startDemo({ task: 'shutdown_delay = "1h"' });
  await stop({ noShutdownDelay: true });
  expect((await receipt()).ending.stop?.order.shutdownDelay).toBe(0);
});

test("kill_timeout is cut to the agent's max_kill_timeout, with a warning when the job is submitted", async () => {
  await bed.restart(undefined, { maxKillTimeout: 1_000_000_000 });
  const image = bed.dir.file("images", "counter.img");
  makeCounterDisk(image);
  const { warnings } = await bed.submit({ task: 'kill_timeout = "1h"' }, image);
  expect(warnings).toEqual([
    'group "g", task "vm": kill_timeout is cut from 1h0m0s to 1s, the agent\'s client.max_kill_timeout',
  ]);
  await machineOf(bed.agent, "running");
  await stop();
  expect((await receipt()).ending.stop).toMatchObject({ rung: "quit", order: { killTimeout: 1_000 } });
});
