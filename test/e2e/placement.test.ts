import { expect, setDefaultTimeout, test } from "bun:test";
import { type ImageAgent, jobText, newest, startImageAgent } from "../helpers/jobs.ts";
import { tempDir } from "../helpers/temp.ts";
import { until } from "../helpers/until.ts";

setDefaultTimeout(60_000);

const config = (images: string) => `
plugin "qemu" {
  config {
    image_paths = [${JSON.stringify(images)}]
  }
}
client {
  memory_total_mb = 600
  reserved {
    memory = 100
  }
  host_network "two" {
    cidr = "127.0.0.2/32"
  }
}`;

function submit(agent: ImageAgent, id: string, memory: number, group = "") {
  const image = agent.demoDisk(`${id}.img`);
  const config = group === "" ? "" : "port_map {\n web = 80\n }";
  return agent.run(["run", agent.jobFile(jobText({ id, image, memory, group, config }), `${id}.hcl`)]);
}

test("a job for which there is no room waits through a SIGKILL of the agent and starts when the other ends", async () => {
  await using dir = tempDir();
  await using agent = await startImageAgent({ dir: dir.path, config: config(dir.file("images")) });
  const port = 'network {\n port "web" {\n host_network = "two"\n }\n }';
  const first = await submit(agent, "first", 300, port);
  expect(first).toMatchObject({ code: 0 });
  expect(first.stdout).toMatch(/\n {2}web {2}127\.0\.0\.2:\d+ → guest 80\/tcp\+udp\n/);
  const second = await submit(agent, "second", 250);
  expect(second.code).toBe(2);
  expect(second.stdout).toContain(
    '* Dimension "memory" exhausted on 1 nodes\n  * memory: 250 MiB needed, 200 of 500 MiB free',
  );
  await agent.kill();
  await agent.start();
  const ps = await agent.run(["ps"]);
  expect(ps.stdout).toMatch(/\nfirst +vm .*running.*\nsecond +- +- +pending /);
  expect((await agent.run(["node", "status"])).stdout).toContain("300 MiB/500 MiB");
  expect(await agent.run(["stop", "first"])).toMatchObject({ code: 0 });
  await until("the second machine to run", async () => (await newest(agent, "second")).vm.State === "running");
  expect((await agent.run(["status", "second"])).stdout).not.toContain("Placement Failure");
  expect(await agent.run(["stop", "second"])).toMatchObject({ code: 0 });
});
