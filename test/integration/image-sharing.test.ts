import { afterEach, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { clearAway } from "../helpers/clear-away.ts";
import { demoJob, type InProcessAgent, machineOf, startInProcess, writeDemoDisk } from "../helpers/in-process-agent.ts";
import { type TempDir, tempDir } from "../helpers/temp.ts";

setDefaultTimeout(60_000);

let dir: TempDir;
let running: InProcessAgent;
let image: string;

beforeEach(async () => {
  dir = tempDir();
  running = await startInProcess(dir.path);
  image = writeDemoDisk(dir.path);
});

afterEach(() => clearAway(dir, running));

const run = async (id: string, config = ""): Promise<void> => {
  await running.agent.registerJob(demoJob(image, { id, config }), null, {});
};

test("a second machine on an image that one writes to is refused with who has it, before QEMU, also by the next agent", async () => {
  await run("demo");
  const { identity } = await machineOf(running.agent, "running");
  const refused = new RegExp(
    `the disk of task "vm" of job "demo" \\(allocation \\w{8}, QEMU is process ${identity.pid}\\)`,
  );
  await run("second");
  const { ending } = await machineOf(running.agent, "ended", "second");
  expect(ending).toMatchObject({ reason: "not-started", message: expect.stringMatching(refused) });
  running.close();
  running = await startInProcess(dir.path);
  await run("second", 'args = ["-name", "again"]');
  expect((await machineOf(running.agent, "ended", "second")).ending.message).toMatch(refused);
  await running.agent.deregisterJob("demo", { purge: false });
  await machineOf(running.agent, "ended");
  await run("second", 'args = ["-name", "once-more"]');
  await machineOf(running.agent, "running", "second");
});

test("two machines with -snapshot share an image", async () => {
  await run("demo", 'args = ["-snapshot"]');
  await machineOf(running.agent, "running");
  await run("second", 'args = ["-snapshot"]');
  await machineOf(running.agent, "running", "second");
});
