import { describe, expect, test } from "bun:test";
import type { PostMortem } from "../../../src/allocation/post-mortem.ts";
import { ExplainSchema, PowerReplySchema, ReceiptSchema } from "../../../src/contract/machine.ts";
import { WhySchema } from "../../../src/contract/why.ts";
import { refusalOf, testApi } from "../../helpers/api.ts";
import {
  allocation,
  CRASHED,
  ended,
  GRACEFUL,
  jobRecord,
  PLAN,
  RECORD_TIME,
  taskRecord,
} from "../../helpers/records.ts";

const VM = `/v1/vm/${allocation().id}/vm`;

test("the receipt of a machine that ended says how", async () => {
  const { agent, read } = testApi();
  agent.put({ job: jobRecord(), allocation: allocation({ tasks: { vm: taskRecord(ended(GRACEFUL)) } }) });
  const receipt = await read(ReceiptSchema, `${VM}/receipt`);
  expect(receipt).toMatchObject({ Reason: "guest-shutdown", Task: "vm", AllocID: allocation().id });
  expect(receipt.Stop?.Rung).toBe("powerdown");
});

test("there is no receipt while the machine has not ended", async () => {
  const { agent, send } = testApi();
  agent.put({ job: jobRecord(), allocation: allocation() });
  expect(await refusalOf(await send("GET", `${VM}/receipt`))).toEqual({
    status: 404,
    lines: ['there is no receipt yet: the machine of task "vm" has not ended'],
  });
});

test("the command line is explained word by word once the machine was started", async () => {
  const { agent, read, send } = testApi();
  agent.put({ job: jobRecord(), allocation: allocation() });
  expect((await send("GET", `${VM}/explain`)).status).toBe(404);
  agent.put({ plan: PLAN });
  expect((await read(ExplainSchema, `${VM}/explain`)).Argv).toHaveLength(PLAN.argv.length);
});

test("a machine is pressed, reset, paused and resumed, and nothing else", async () => {
  const { agent, write, send } = testApi();
  agent.put({ job: jobRecord(), allocation: allocation() });
  for (const Action of ["press", "reset", "pause", "resume"]) {
    const reply = await write(PowerReplySchema, "POST", `${VM}/power`, { Action });
    expect(reply).toEqual({ Guest: Action === "pause" ? "paused" : "running", Message: `did ${Action}` });
  }
  expect(agent.told).toEqual(["press vm", "reset vm", "pause vm", "resume vm"]);
  expect((await send("GET", `${VM}/power`)).status).toBe(405);
  expect(await refusalOf(await send("PUT", `${VM}/power`, { Action: "off" }))).toEqual({
    status: 400,
    lines: ['<request>: Action: expected "press", "reset", "pause" or "resume"'],
  });
});

describe("why a machine ended", () => {
  const end = (generation: number): PostMortem => ({
    generation,
    ending: CRASHED,
    startedAt: RECORD_TIME,
    endedAt: RECORD_TIME + 50,
    pid: 42,
    adopted: true,
    next: { restart: true, reason: "Restart within policy", delay: 1_500 },
    remains: null,
    versions: { paddock: "0.1.0", kernel: "6.1.0" },
  });

  test("is told of the newest end, or of the one that was asked for", async () => {
    const { agent, read, send } = testApi();
    agent.put({ job: jobRecord(), allocation: allocation(), plan: PLAN, ends: [end(2), end(1)] });
    const why = await read(WhySchema, `${VM}/why`);
    expect(why).toMatchObject({ Machine: "running", JobID: "web", Task: "vm", RestartAt: 0 });
    expect(why.Ends.map(({ Generation }) => Generation)).toEqual([2, 1]);
    expect(why.End).toMatchObject({
      Generation: 2,
      Restart: { Restart: true, Reason: "Restart within policy", Delay: 1_500_000_000 },
      EndedAt: (RECORD_TIME + 50) * 1e6,
      Argv: PLAN.argv.map(({ word }) => word),
      Image: null,
    });
    expect(JSON.stringify(why)).not.toContain("secret-home");
    expect((await read(WhySchema, `${VM}/why?generation=1`)).End?.Generation).toBe(1);
    expect((await send("GET", `${VM}/why?generation=7`)).status).toBe(404);
    expect((await send("GET", `${VM}/why?generation=0`)).status).toBe(404);
    expect((await send("GET", `${VM}/why?generation=x`)).status).toBe(400);
  });

  test("is nothing yet while it has not ended", async () => {
    const { agent, read } = testApi();
    agent.put({ job: jobRecord(), allocation: allocation() });
    expect(await read(WhySchema, `${VM}/why`)).toMatchObject({ End: null, Ends: [], Generation: 1 });
  });
});

test("the journal is sent as it is, and never as a page", async () => {
  const { agent, send } = testApi();
  agent.put({ job: jobRecord(), allocation: allocation() });
  const reply = await send("GET", `${VM}/journal?generation=1`);
  expect(reply.headers.get("content-type")).toBe("application/octet-stream");
  expect(reply.headers.get("x-content-type-options")).toBe("nosniff");
  expect(await reply.text()).toBe('{"QMP":{}}\n');
});

for (const task of ["db", "constructor", "__proto__", "..%2Fvm"]) {
  test(`a task named ${task} is not there, and the hint names those that are`, async () => {
    const { agent, send } = testApi();
    agent.put({ job: jobRecord(), allocation: allocation(), plan: PLAN });
    for (const what of ["receipt", "explain", "why", "journal"]) {
      expect(await refusalOf(await send("GET", `/v1/vm/${allocation().id}/${task}/${what}`))).toEqual({
        status: 404,
        lines: [`allocation 1f6a0b1c has no task "${decodeURIComponent(task)}"`, "hint: its tasks: vm"],
      });
    }
  });
}
