import { expect, setDefaultTimeout, test } from "bun:test";
import { jobText, newest, startImageAgent } from "../helpers/jobs.ts";
import { isAlive } from "../helpers/processes.ts";
import { until } from "../helpers/until.ts";

setDefaultTimeout(240_000);

test("a drain goes on when its agent is killed half way, and the machine comes back with its disk when it is disabled", async () => {
  await using agent = await startImageAgent();
  const group = 'ephemeral_disk {\n sticky = true\n}\nshutdown_delay = "1h"';
  const file = agent.jobFile(jobText({ image: agent.demoDisk(), group, config: 'disk = "overlay"' }));
  expect(await agent.run(["run", file])).toMatchObject({ code: 0 });
  await until("the guest's banner", async () => (await agent.run(["logs", "demo"])).stdout.includes("boot=1"));
  const { Pid } = (await newest(agent)).vm.Paddock;
  const enable = ["node", "drain", "-enable", "-detach"];
  expect(await agent.run([...enable, "-m", "new memory"])).toMatchObject({ code: 0 });
  await agent.kill();
  expect(isAlive(Pid ?? 0)).toBe(true);
  await agent.start();
  expect((await agent.run(["node", "status"])).stdout).toMatch(/Drain +=? *true/);
  expect((await agent.run(["status", "demo"])).stdout).toContain("this node is being drained");
  const { code, stdout } = await agent.run(["node", "drain", "-enable", "-force"]);
  expect([code, stdout]).toEqual([0, expect.stringContaining("Drain complete for node")]);
  expect(isAlive(Pid ?? 0)).toBe(false);
  // Nothing that may be asked for removes the disk meanwhile.
  expect(await agent.run(["system", "gc", "-discard"])).toMatchObject({ code: 0 });
  await agent.kill();
  await agent.start();
  expect((await newest(agent)).status).toBe("complete");
  expect(await agent.run(["node", "drain", "-disable"])).toMatchObject({ code: 0 });
  const again = async () => (await agent.run(["logs", "demo"])).stdout;
  await until("the machine to come back", async () => (await newest(agent)).status === "running");
  // The guest counts its boots on its disk.
  await until("the guest's banner", async () => (await again()).includes("boot=2"));
  expect((await newest(agent)).vm.Paddock.Pid).not.toBe(Pid);
  expect(await agent.run(["stop", "-signal", "SIGKILL", "demo"])).toMatchObject({ code: 0 });
});
