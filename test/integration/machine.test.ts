import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync } from "node:fs";
import { connect } from "node:net";
import { readStat } from "../../src/supervisor/identity.ts";
import { agentPerTest } from "../helpers/agent-per-test.ts";
import { bannerOf, consoleOf, eventsOf, idOf, machineOf } from "../helpers/in-process-agent.ts";
import { until } from "../helpers/until.ts";

setDefaultTimeout(60_000);

const bed = agentPerTest();

describe("a machine", () => {
  test("starts, speaks on its console, hears the power button and leaves a receipt", async () => {
    await bed.submit();
    const live = await machineOf(bed.agent, "running");
    expect(live.guest).toBe("running");
    expect(readStat(live.identity.pid)?.startTime).toBe(live.identity.startTime);
    await bannerOf(bed.agent);
    await bed.agent.deregisterJob("demo", { purge: false });
    const { ending } = await machineOf(bed.agent, "ended");
    expect(ending).toMatchObject({
      reason: "guest-shutdown",
      failed: false,
      exitCode: 0,
      hint: null,
      stop: { rung: "powerdown" },
    });
    expect(ending.stop?.tries[0]?.answer).toBe("accepted");
    expect(await consoleOf(bed.agent)).toContain("power button");
    expect(eventsOf(bed.agent)).toEqual(["Received", "Started", "Killing", "Terminated", "Killed"]);
    expect(readdirSync(bed.dir.file("run"))).toEqual([]);
    expect(readStat(live.identity.pid)).toBeNull();
  });

  test("that cannot hear its button is forced, with the reason", async () => {
    await bed.submit({ task: 'kill_timeout = "1s"', config: 'args = ["-S"]' });
    await until("the guest to be paused", async () => (await machineOf(bed.agent, "running")).guest === "prelaunch");
    await bed.agent.deregisterJob("demo", { purge: false });
    const { ending } = await machineOf(bed.agent, "ended");
    expect(ending).toMatchObject({ reason: "host-qmp-quit", stop: { rung: "quit" } });
  });

  test("that was paused is resumed so that it can hear the button", async () => {
    await bed.submit();
    const live = await machineOf(bed.agent, "running");
    await bannerOf(bed.agent);
    pauseByHumanMonitor(idOf(bed.agent));
    await until(
      "QEMU to say that it is paused",
      async () => (await machineOf(bed.agent, "running")).guest === "paused",
    );
    await bed.agent.deregisterJob("demo", { purge: false });
    const { stop } = (await machineOf(bed.agent, "ended")).ending;
    expect(stop?.rung).toBe("powerdown");
    expect(stop?.tries[0]?.answer).toBe("accepted (guest was paused and was resumed)");
    expect(readStat(live.identity.pid)).toBeNull();
  });

  test("killed from outside says so", async () => {
    await bed.submit();
    const live = await machineOf(bed.agent, "running");
    process.kill(live.identity.pid, "SIGKILL");
    expect((await machineOf(bed.agent, "ended")).ending).toMatchObject({
      reason: "killed",
      failed: true,
      message: "QEMU was killed by SIGKILL",
    });
  });

  test("ended by SIGTERM from outside says so", async () => {
    await bed.submit();
    process.kill((await machineOf(bed.agent, "running")).identity.pid, "SIGTERM");
    expect((await machineOf(bed.agent, "ended")).ending).toMatchObject({ reason: "host-signal", exitCode: 0 });
  });

  test("whose QEMU refuses its arguments fails with QEMU's own words and is not tried again", async () => {
    await bed.submit({ config: 'args = ["-device", "no-such-device"]' });
    const { ending } = await machineOf(bed.agent, "ended");
    expect(ending).toMatchObject({ reason: "qemu-error", failed: true, exitCode: 1 });
    expect(ending.message).toContain("'no-such-device' is not a valid device model name");
    expect(eventsOf(bed.agent)).toEqual(["Received", "Driver Failure", "Not Restarting"]);
  });

  test("whose image is not there fails before anything runs", async () => {
    await bed.submit({}, "local/none.img");
    const { ending } = await machineOf(bed.agent, "ended");
    expect(ending).toMatchObject({ reason: "not-started", failed: true, exitCode: null });
    expect(ending.message).toContain("local/none.img");
    expect(readdirSync(bed.dir.file("run"))).toEqual([]);
  });

  test("that says SHUTDOWN but lives on is told to quit, and the guest's wish stays the reason", async () => {
    await bed.submit({ config: 'args = ["-no-shutdown"]' });
    await machineOf(bed.agent, "running");
    await bannerOf(bed.agent);
    await bed.agent.deregisterJob("demo", { purge: false });
    expect((await machineOf(bed.agent, "ended")).ending).toMatchObject({ reason: "guest-shutdown", exitCode: 0 });
  });
});

test("ports lead to the guest on tcp, and a busy one is named before QEMU starts", async () => {
  const busy = Bun.listen({ hostname: "0.0.0.0", port: 0, socket: { data: () => undefined } });
  try {
    const group = `network {\n port "web" { static = ${busy.port} }\n }`;
    await bed.submit({ group, config: "port_map { web = 80 }" });
    const { ending } = await machineOf(bed.agent, "ended");
    expect(ending.message).toContain(`port ${busy.port}/tcp (label "web") is in use by`);
    expect(ending.message).toContain(`(pid ${process.pid})`);
  } finally {
    busy.stop(true);
  }
});

/** What a person would type at the human monitor that Nomad's driver has in the task directory. */
function pauseByHumanMonitor(allocationId: string): void {
  const socket = connect(bed.dir.file("data", "alloc", allocationId, "vm", "qm.sock"));
  let said = "";
  socket.on("data", (bytes) => {
    const first = said === "";
    said += bytes.toString();
    if (first) socket.write("stop\n");
    else if (said.split("(qemu)").length > 2) socket.end();
  });
}
