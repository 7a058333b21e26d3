import { expect, setDefaultTimeout, test } from "bun:test";
import { agentPerTest } from "../helpers/agent-per-test.ts";
import { machineOf } from "../helpers/in-process-agent.ts";

setDefaultTimeout(60_000);

const bed = agentPerTest();
const run = (id: string, config = "") => bed.submit({ id, config });

test("a second machine on an image that one writes to is refused with who has it, before QEMU, also by the next agent", async () => {
  await run("demo");
  const { identity } = await machineOf(bed.agent, "running");
  const refused = new RegExp(
    `the disk of task "vm" of job "demo" \\(allocation \\w{8}, QEMU is process ${identity.pid}\\)`,
  );
  await run("second");
  const { ending } = await machineOf(bed.agent, "ended", "second");
  expect(ending).toMatchObject({ reason: "not-started", message: expect.stringMatching(refused) });
  await bed.restart();
  await run("second", 'args = ["-name", "again"]');
  expect((await machineOf(bed.agent, "ended", "second")).ending.message).toMatch(refused);
  await bed.agent.deregisterJob("demo", { purge: false });
  await machineOf(bed.agent, "ended");
  await run("second", 'args = ["-name", "once-more"]');
  await machineOf(bed.agent, "running", "second");
});

test("two machines with -snapshot share an image", async () => {
  await run("demo", 'args = ["-snapshot"]');
  await machineOf(bed.agent, "running");
  await run("second", 'args = ["-snapshot"]');
  await machineOf(bed.agent, "running", "second");
});
