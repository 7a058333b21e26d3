import { beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { type Clock, systemClock } from "../../src/base/clock.ts";
import { makeCounterDisk } from "../guests/counter.ts";
import { agentPerTest } from "../helpers/agent-per-test.ts";
import { demoJob, imagesDir, machineOf } from "../helpers/in-process-agent.ts";
import { until } from "../helpers/until.ts";

setDefaultTimeout(60_000);

const DAY = 86_400_000;

/** By how much the host's clock was set. */
let set: number;
beforeEach(() => {
  set = 0;
});

const clock: Clock = { ...systemClock, now: () => systemClock.now() + set };
const bed = agentPerTest({ clock });

/** A guest that never hears its button. */
async function startDeaf(restart?: string) {
  mkdirSync(imagesDir(bed.dir.path), { recursive: true });
  const image = bed.dir.file("images", "counter.img");
  makeCounterDisk(image);
  const job = demoJob(image, { task: 'kill_timeout = "2s"', ...(restart === undefined ? {} : { restart }) });
  await bed.agent.registerJob(job, null, {});
  return await machineOf(bed.agent, "running");
}

const restartAgent = (meanwhile: () => void) => bed.restart(meanwhile, { clock });

const directions = [
  ["on", DAY],
  ["back", -DAY],
] as const;

describe.each(directions)("a host's clock that is set %s by a day", (_, by) => {
  async function expectStop(during: () => Promise<void> | void): Promise<void> {
    await startDeaf();
    const stopped = performance.now();
    await bed.agent.deregisterJob("demo", { purge: false });
    await until("a press", async () => (await machineOf(bed.agent, "stopping")).tries.length > 1);
    await during();
    const { ending } = await machineOf(bed.agent, "ended");
    const [took, real] = [ending.stop?.took ?? 0, performance.now() - stopped];
    expect(ending).toMatchObject({ reason: "host-qmp-quit", stop: { rung: "quit" } });
    expect(took).toBeGreaterThanOrEqual(2_000 - 50);
    // How busy this host is may cost seconds, a clock that is believed costs the day.
    expect(took).toBeLessThan(DAY / 2);
    // Whoever waited sees the same as the receipt tells.
    expect(real).toBeGreaterThanOrEqual(2_000 - 50);
  }

  test("leaves a guest the whole of its kill_timeout, and no more", async () => {
    await expectStop(() => {
      set = by;
    });
  });

  test("does so while no agent runs", async () => {
    await expectStop(() =>
      restartAgent(() => {
        set = by;
      }),
    );
  });

  test("starts nothing again before its delay is over", async () => {
    const { identity } = await startDeaf('attempts = 3\n interval = "3h"\n delay = "1h"\n mode = "delay"');
    process.kill(identity.pid, "SIGKILL");
    const before = await machineOf(bed.agent, "backoff");
    await restartAgent(() => {
      set = by;
    });
    const after = await machineOf(bed.agent, "backoff");
    expect(Math.abs(after.until - before.until - by)).toBeLessThan(1_000);
  });

  test("does not keep waiting what is to start again", async () => {
    const { identity } = await startDeaf('attempts = 3\n interval = "1h"\n delay = "2s"\n mode = "delay"');
    process.kill(identity.pid, "SIGKILL");
    await machineOf(bed.agent, "backoff");
    set = by;
    expect((await machineOf(bed.agent, "running")).generation).toBe(2);
  });

  test("tells how long a machine has run by the clock as it is now", async () => {
    const before = await startDeaf();
    set = by;
    const { startedAt } = await machineOf(bed.agent, "running");
    expect(Math.abs(startedAt - before.startedAt - by)).toBeLessThan(1_000);
  });
});

test("a host that was started anew with its clock behind does not wait for the days to come round again", async () => {
  const { identity } = await startDeaf('attempts = 3\n interval = "3h"\n delay = "1h"\n mode = "delay"');
  process.kill(identity.pid, "SIGKILL");
  await machineOf(bed.agent, "backoff");
  bed.running.close();
  set = -DAY;
  await bed.start({ clock, bootId: "00000000-0000-4000-8000-00000000beef" });
  expect((await machineOf(bed.agent, "running")).generation).toBe(2);
});
