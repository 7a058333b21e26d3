import { expect, setDefaultTimeout, test } from "bun:test";
import { clientStatus } from "../../src/allocation/allocation.ts";
import { agentPerTest } from "../helpers/agent-per-test.ts";
import { quiet, withRunningJob } from "../helpers/cli-job.ts";
import { idOf } from "../helpers/in-process-agent.ts";
import { NODE } from "../helpers/records.ts";
import { patiently } from "../helpers/until.ts";

setDefaultTimeout(120_000);

const bed = agentPerTest();

const statusOf = (jobId: string): string => clientStatus(bed.agent.allocation(idOf(bed.agent, jobId)));

test("a node that takes no new machines lets jobs wait, over a restart of the agent, what runs goes on, and all begins when it takes them again", async () => {
  await bed.submit({ id: "old" });
  await patiently("the machine to run", () => statusOf("old") === "running");
  await bed.agent.setEligible(false);
  const { job } = await bed.submit({ id: "new" });
  expect(job.waiting).toBeDefined();
  const blocked = (): unknown => bed.agent.evaluation(bed.agent.job("new").waiting?.evalId ?? "");
  const why = {
    status: "blocked",
    failures: [{ filtered: ["this node takes no new machines; paddock node eligibility -enable changes that"] }],
  };
  expect(blocked()).toMatchObject(why);
  const planned = await bed.agent.planJob({ ...bed.agent.job("new").job, id: "planned" });
  expect(planned.failures).toMatchObject(why.failures);
  await bed.restart();
  expect(bed.agent.isEligible()).toBe(false);
  expect([statusOf("old"), bed.agent.allocations({ jobId: "new" })]).toEqual(["running", []]);
  await bed.agent.restartAllocation(idOf(bed.agent, "old"), "");
  await patiently("the machine to run again", () => {
    const [task] = Object.values(bed.agent.allocation(idOf(bed.agent, "old")).tasks);
    return task?.restarts === 1 && statusOf("old") === "running";
  });
  expect(blocked()).toMatchObject(why);
  // Both machines write to the one image.
  await bed.agent.deregisterJob("old", { purge: true, force: "SIGKILL" });
  await patiently("the old machine's end", () => statusOf("old") !== "running");
  await bed.agent.setEligible(true);
  await patiently(
    "the new machine to run",
    () => bed.agent.allocations({ jobId: "new" }).length > 0 && statusOf("new") === "running",
  );
});

test("node eligibility says what it has set, and refuses what means nothing", async () => {
  await using api = withRunningJob();
  const run = async (...args: string[]) => await api.run(["node", "eligibility", ...args]);
  const told = (word: string) => `Node "${NODE.id}" scheduling eligibility set: ${word} for scheduling\n`;
  expect(await run("-disable")).toEqual({ ...quiet, stdout: told("ineligible") });
  expect(api.agent.eligible).toBe(false);
  expect((await api.run(["node", "status"])).stdout).toMatch(/Eligibility += ineligible/);
  expect(await run("-enable", NODE.id.slice(0, 8))).toEqual({ ...quiet, stdout: told("eligible") });
  for (const [args, message] of [
    [[], "flags -enable and -disable: expected one of them, found none"],
    [["-enable", "-disable"], "flags -enable and -disable: expected one of them, found both"],
    [["-enable", "-self", "x"], 'flag -self: expected without an ID, found "x"'],
    [["-enable", "ffffffff"], 'no node\'s id begins with "ffffffff"'],
  ] as const) {
    const { code, stderr } = await run(...args);
    expect([code, stderr.split("\n")[0]]).toEqual([1, `Error: ${message}`]);
  }
});
