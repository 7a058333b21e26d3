import { expect, setDefaultTimeout, test } from "bun:test";
import { agentPerTest } from "../helpers/agent-per-test.ts";
import { idOf, machineOf } from "../helpers/in-process-agent.ts";

setDefaultTimeout(60_000);

const bed = agentPerTest(false);

test("a network's dns takes values of the node and of the task", async () => {
  await bed.start();
  bed.running.changeNode((node) => ({ ...node, meta: { resolver: "192.0.2.53" } }));
  const group = `network {
    dns {
      servers  = ["\${meta.resolver}"]
      searches = ["\${NOMAD_GROUP_NAME}.example.org"]
    }
  }`;
  await bed.submit({ group });
  await machineOf(bed.agent, "running");
  const words = bed.agent.launchPlan(idOf(bed.agent), "vm").argv.map(({ word }) => word);
  expect(words).toContain("user,id=user.0,dns=192.0.2.53,dnssearch=g.example.org");
});
