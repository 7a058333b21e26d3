import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { jobText, newest, startImageAgent } from "../helpers/jobs.ts";
import { until } from "../helpers/until.ts";

describe("the serial console", () => {
  test("that args take for themselves writes where they say, and logs says so", async () => {
    await using agent = await startImageAgent();
    const config = 'args = ["-serial", "file:local/own.log"]';
    expect(await agent.run(["run", agent.jobFile(jobText({ image: agent.demoDisk(), config }))])).toMatchObject({
      code: 0,
    });
    const { id } = await newest(agent);
    const own = `${agent.dirs.dataDir}/alloc/${id}/vm/local/own.log`;
    await until("the guest's banner in its own file", () => readFileSync(own, "utf8").includes("DEMO GUEST"));
    const logs = await agent.run(["logs", "demo"]);
    expect(logs.code).toBe(0);
    expect(logs.stdout).not.toContain("DEMO GUEST");
    expect(logs.stderr).toContain("args bring a serial port of their own");
    expect(await agent.run(["stop", "demo"])).toMatchObject({ code: 0 });
  });

  test("is followed as the guest writes, until the machine ends", async () => {
    await using agent = await startImageAgent();
    expect(await agent.run(["run", agent.jobFile(jobText({ image: agent.demoDisk() }))])).toMatchObject({ code: 0 });
    const following = agent.run(["logs", "-f", "demo"], { deadline: 60_000 });
    await until("the guest's first tick", async () => (await agent.run(["logs", "demo"])).stdout.includes("tick 1"));
    expect(await agent.run(["stop", "demo"])).toMatchObject({ code: 0 });
    const followed = await following;
    expect(followed.code).toBe(0);
    expect(followed.stdout).toContain("DEMO GUEST");
    expect(followed.stdout).toContain("power off");
    expect(followed.stderr).toContain("the guest powered off");
  });
});

test("a machine that dies is started again by its restart policy, and status tells", async () => {
  await using agent = await startImageAgent();
  const restart = 'attempts = 1\n interval = "1h"\n delay = "100ms"\n mode = "fail"';
  const text = jobText({ image: agent.demoDisk() }).replace(/attempts = 0\s+mode {5}= "fail"/, restart);
  expect(await agent.run(["run", agent.jobFile(text)])).toMatchObject({ code: 0 });
  const first = (await newest(agent)).vm.Paddock.Pid ?? 0;
  process.kill(first, "SIGKILL");
  await until("another QEMU", async () => {
    const { Pid, Guest } = (await newest(agent)).vm.Paddock;
    return Pid !== null && Pid !== first && Guest === "running";
  });
  expect((await agent.run(["status", "demo"])).stdout).toContain("Restart within policy");
  process.kill((await newest(agent)).vm.Paddock.Pid ?? 0, "SIGKILL");
  await until("the policy to give up", async () => (await newest(agent)).status === "failed");
  expect((await agent.run(["status", "demo"])).stdout).toContain(
    'Exceeded allowed attempts 1 in interval 1h0m0s and mode is "fail"',
  );
});
