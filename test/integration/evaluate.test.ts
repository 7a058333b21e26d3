import { expect, setDefaultTimeout, test } from "bun:test";
import { EvaluateReplySchema } from "../../src/contract/job-requests.ts";
import { agentPerTest } from "../helpers/agent-per-test.ts";
import { parseReply, refusalOf } from "../helpers/api.ts";
import { idOf } from "../helpers/in-process-agent.ts";
import { serveAgent } from "../helpers/serve-agent.ts";
import { patiently } from "../helpers/until.ts";

setDefaultTimeout(120_000);

const bed = agentPerTest();

const machines = (): string[] => bed.agent.allocations({ jobId: "web" }).map(({ id }) => id);

test("a job that is looked at again keeps what has ended, and gets another machine only when that is asked for", async () => {
  await using served = await serveAgent(bed.agent, bed.dir.file("api.sock"));
  const evaluate = async (force: boolean) =>
    await served.fetch("/v1/job/web/evaluate", {
      method: "PUT",
      body: JSON.stringify({ JobID: "web", EvalOptions: { ForceReschedule: force } }),
    });
  await bed.submit({ id: "web" });
  const first = idOf(bed.agent, "web");
  await bed.agent.stopAllocation(first, { force: "SIGKILL" });
  const isOver = (): boolean =>
    Object.values(bed.agent.allocation(first).tasks).every(({ machine }) => machine.kind === "ended");
  await patiently("the machine's end", isOver);
  const looked = await parseReply(EvaluateReplySchema, await evaluate(false));
  expect(bed.agent.evaluation(looked.EvalID)).toMatchObject({ jobId: "web", status: "complete" });
  expect(machines()).toEqual([first]);
  const forced = await parseReply(EvaluateReplySchema, await evaluate(true));
  expect(machines()).toHaveLength(2);
  expect(bed.agent.allocation(machines()[1] ?? "")).toMatchObject({ evalId: forced.EvalID, jobVersion: 0 });
  await bed.agent.deregisterJob("web", { purge: false, force: "SIGKILL" });
  const { status, lines } = await refusalOf(await evaluate(true));
  expect([status, lines[0]]).toEqual([409, 'job "web" is stopped']);
});
