import { expect, test } from "bun:test";
import { ExplainSchema, PowerReplySchema, ReceiptSchema } from "../../../src/contract/machine.ts";
import { refusalOf, testApi } from "../../helpers/api.ts";
import { allocation, ended, GRACEFUL, jobRecord, PLAN, taskRecord } from "../../helpers/records.ts";

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

for (const task of ["db", "constructor", "__proto__", "..%2Fvm"]) {
  test(`a task named ${task} is not there, and the hint names those that are`, async () => {
    const { agent, send } = testApi();
    agent.put({ job: jobRecord(), allocation: allocation(), plan: PLAN });
    for (const what of ["receipt", "explain"]) {
      expect(await refusalOf(await send("GET", `/v1/vm/${allocation().id}/${task}/${what}`))).toEqual({
        status: 404,
        lines: ["allocation 1f6a0b1c has no such task", "hint: its tasks: vm"],
      });
    }
  });
}
