import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { type Allocation, clientStatus } from "../../src/allocation/allocation.ts";
import { agentPerTest } from "../helpers/agent-per-test.ts";
import { bannerOf, consoleOf, machineOf, newestOf, startOf } from "../helpers/in-process-agent.ts";
import { startOrigin } from "../helpers/origin.ts";
import { untilGone } from "../helpers/processes.ts";
import { until } from "../helpers/until.ts";

setDefaultTimeout(60_000);

const bed = agentPerTest();

describe("a restart policy", () => {
  const restart = 'attempts = 1\n interval = "1h"\n delay = "100ms"\n mode = "fail"';
  const record = () => newestOf(bed.agent)?.tasks["vm"];

  test("starts a machine again in place, on the same disk, until its attempts are used up", async () => {
    await bed.submit({ restart });
    const first = await machineOf(bed.agent, "running");
    await bannerOf(bed.agent);
    process.kill(first.identity.pid, "SIGKILL");
    const second = await startOf(bed.agent, 2);
    expect(second.identity.pid).not.toBe(first.identity.pid);
    await until("the second boot", async () => (await consoleOf(bed.agent)).includes("boot=2"));
    expect(record()).toMatchObject({ restarts: 1, window: { count: 1 } });
    process.kill(second.identity.pid, "SIGKILL");
    const ended = await machineOf(bed.agent, "ended");
    expect(ended).toMatchObject({ failed: true, ending: { reason: "killed" } });
    expect(record()?.events.at(-1)).toMatchObject({
      type: "Not Restarting",
      failsTask: true,
      message: 'Exceeded allowed attempts 1 in interval 1h0m0s and mode is "fail"',
    });
    expect(readdirSync(bed.dir.file("run"))).toEqual([]);
  });

  test("leaves a batch job alone that ended well, and calls it complete", async () => {
    await bed.submit({ type: "batch", restart });
    process.kill((await machineOf(bed.agent, "running")).identity.pid, "SIGTERM");
    expect(await machineOf(bed.agent, "ended")).toMatchObject({ failed: false });
    expect(clientStatus(bed.agent.allocations({})[0] as Allocation)).toBe("complete");
  });

  test("is applied once to an end that happened while no agent ran", async () => {
    await bed.submit({ restart: restart.replace("attempts = 1", "attempts = 5") });
    const { identity } = await machineOf(bed.agent, "running");
    bed.running.close();
    process.kill(identity.pid, "SIGKILL");
    await untilGone("QEMU", identity.pid);
    await bed.start();
    const again = await startOf(bed.agent, 2);
    await bed.restart();
    expect((await machineOf(bed.agent, "running")).identity).toEqual(again.identity);
    expect(record()?.restarts).toBe(1);
  });

  test("is waited for over an agent's restart, and a stop meanwhile ends the wait", async () => {
    await bed.submit({ restart: 'attempts = 2\n interval = "1h"\n delay = "20m"\n mode = "fail"' });
    process.kill((await machineOf(bed.agent, "running")).identity.pid, "SIGKILL");
    const waiting = await machineOf(bed.agent, "backoff");
    await bed.restart();
    expect(await machineOf(bed.agent, "backoff")).toEqual(waiting);
    await bed.agent.deregisterJob("demo", { purge: false });
    expect(await machineOf(bed.agent, "ended")).toMatchObject({ failed: false });
  });

  test("does not fetch an artifact again: the guest may have written to it", async () => {
    await using origin = await startOrigin({ "/demo.img": { kind: "bytes", body: readFileSync(bed.image) } });
    const task = `artifact {\n source = "${origin.url("/demo.img")}"\n }`;
    // What QEMU has not flushed is lost to an overlay when it is killed.
    await bed.submit({ restart, task, config: 'disk = "direct"' }, "local/demo.img");
    const first = await machineOf(bed.agent, "running");
    await bannerOf(bed.agent);
    process.kill(first.identity.pid, "SIGKILL");
    await startOf(bed.agent, 2);
    await until("the second boot", async () => (await consoleOf(bed.agent)).includes("boot=2"));
    expect(origin.count("/demo.img")).toBe(1);
  });

  test("tries a download again that failed", async () => {
    await using origin = await startOrigin({});
    const task = `artifact {\n source = "${origin.url("/demo.img")}"\n }`;
    await bed.submit({ restart, task }, "local/demo.img");
    await until("the first attempt", () => record()?.restarts === 1);
    origin.set("/demo.img", { kind: "bytes", body: readFileSync(bed.image) });
    await startOf(bed.agent, 2);
  });
});
