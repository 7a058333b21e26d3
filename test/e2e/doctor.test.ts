import { expect, test } from "bun:test";
import { join } from "node:path";
import type { Finding } from "../../src/cli/text/finding.ts";
import { jobText, newest, startImageAgent } from "../helpers/jobs.ts";
import { until } from "../helpers/until.ts";

test("doctor finds nothing wrong with an agent and its machine, with the agent and without it, and tells what is", async () => {
  await using agent = await startImageAgent();
  const group = `network {\n port "web" {\n to = 80\n }\n }
    service {\n name = "web"\n provider = "nomad"\n port = "web"
      check {\n type = "tcp"\n interval = "1s"\n timeout = "1s"\n }\n }`;
  const file = agent.jobFile(jobText({ image: agent.demoDisk(), group }));
  expect(await agent.run(["run", file])).toMatchObject({ code: 0 });
  const config = join(agent.dir, "paddock.hcl");
  const examine = async () => {
    const { code, stdout } = await agent.run(["doctor", "-config", config, "-json"], { deadline: 30_000 });
    const findings = JSON.parse(stdout) as Finding[];
    const level = (check: string) => findings.findLast((finding) => finding.check === check)?.level;
    return { code, qemu: level("qemu"), agent: level("agent"), store: level("store"), strangers: level("strangers") };
  };
  expect(await examine()).toEqual({ code: 0, qemu: "ok", agent: "ok", store: "ok", strangers: "ok" });

  // The demo guest has no network: QEMU takes the connection, and nobody behind it answers.
  const { id } = await newest(agent);
  await until("the check to fail", async () => (await agent.run(["alloc", "checks", id])).stdout.includes("failure"));
  expect((await agent.run(["ps"])).stdout).toContain("unhealthy");
  expect((await agent.run(["status", "demo"])).stdout).toContain("the guest did not answer within 1s");

  await agent.stop();
  expect(await examine()).toEqual({ code: 0, qemu: "ok", agent: "warning", store: "ok", strangers: "ok" });
  const wrong = await agent.run(["doctor", "-config", join(agent.dir, "none.hcl")], { deadline: 30_000 });
  expect(wrong.code).toBe(1);
  expect(wrong.stdout).toContain("problem");
  expect(wrong.stderr).toContain("1 problem");
  await agent.start();
  expect(await agent.run(["stop", "demo"])).toMatchObject({ code: 0 });
});
