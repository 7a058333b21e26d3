import { expect, test } from "bun:test";
import * as v from "valibot";
import { AllocationSchema, AllocationStubSchema } from "../../../src/contract/allocation.ts";
import { DoneReplySchema } from "../../../src/contract/allocation-requests.ts";
import { EvaluationSchema, StopReplySchema } from "../../../src/contract/evaluation.ts";
import { JobStubSchema } from "../../../src/contract/job-record.ts";
import { refusalOf, testApi } from "../../helpers/api.ts";
import { allocation, ended, evaluation, GRACEFUL, jobRecord, RECORD_TIME, taskRecord } from "../../helpers/records.ts";

const FIRST = "1f6a0b1c-0000-4000-8000-000000000001";
const SECOND = "2f6a0b1c-0000-4000-8000-000000000002";

function twoAllocations() {
  const api = testApi();
  api.agent.put({ job: jobRecord(), allocation: allocation(), evaluation: evaluation() });
  api.agent.put({ allocation: allocation({ id: SECOND, evalId: "e0000000-0000-4000-8000-000000000009" }) });
  return api;
}

for (const [prefix, ids] of [
  ["", [FIRST, SECOND]],
  ["1f", [FIRST]],
  ["1F6A0B1C", [FIRST]],
  ["2f6a0b1c-0000", [SECOND]],
  ["33", []],
] as const) {
  test(`allocations that begin with "${prefix}" are ${ids.length}`, async () => {
    const stubs = await twoAllocations().read(v.array(AllocationStubSchema), `/v1/allocations?prefix=${prefix}`);
    expect(stubs.map(({ ID }) => ID)).toEqual([...ids]);
  });
}

test("a prefix that no id can begin with is refused", async () => {
  expect(await refusalOf(await testApi().send("GET", "/v1/allocations?prefix=web"))).toEqual({
    status: 400,
    lines: ["query parameter prefix: expected hexadecimal digits"],
  });
});

test("the list has resources when they are asked for", async () => {
  const stubs = await twoAllocations().read(v.array(AllocationStubSchema), "/v1/allocations?resources=true");
  expect(stubs[0]?.AllocatedResources?.Shared.Ports[0]?.Value).toBe(25_001);
});

test("an allocation has the job as it was when it was placed", async () => {
  const { agent, read } = twoAllocations();
  const { job } = jobRecord();
  agent.put({ job: jobRecord({ version: 1, job: { ...job, priority: 70 } }) });
  const shown = await read(AllocationSchema, `/v1/allocation/${FIRST}`);
  expect(shown.Job).toMatchObject({ ID: "web", Version: 0, Priority: 50 });
});

test("allocations of a purged job are still there", async () => {
  const { agent, read } = twoAllocations();
  agent.forget("web");
  expect((await read(AllocationSchema, `/v1/allocation/${FIRST}`)).Job).toBeNull();
  expect(await read(v.array(AllocationStubSchema), "/v1/allocations")).toHaveLength(2);
});

for (const id of [FIRST.slice(0, 8), "0f6a0b1c-0000-4000-8000-000000000001", "__proto__"]) {
  test(`an allocation is found by its whole id alone: ${id} is 404`, async () => {
    const { status, lines } = await refusalOf(await twoAllocations().send("GET", `/v1/allocation/${id}`));
    expect({ status, first: lines[0] }).toEqual({ status: 404, first: `alloc not found: ${id}` });
  });
}

test("an allocation is stopped, and the reply names the evaluation", async () => {
  const { agent, write, send } = twoAllocations();
  const reply = await write(StopReplySchema, "PUT", `/v1/allocation/${FIRST}/stop`);
  expect(agent.stopped).toEqual([{ id: FIRST, force: undefined, noShutdownDelay: false }]);
  expect(agent.evaluation(reply.EvalID).triggeredBy).toBe("alloc-stop");
  expect((await send("POST", "/v1/allocation/no/stop")).status).toBe(404);
});

test("an allocation is restarted and signalled in Nomad's words, whole or by task", async () => {
  const { agent, write, send } = twoAllocations();
  const path = `/v1/client/allocation/${FIRST}`;
  await write(DoneReplySchema, "PUT", `${path}/restart`, { TaskName: "vm", AllTasks: false });
  await write(DoneReplySchema, "POST", `${path}/restart`, { TaskName: null });
  await write(DoneReplySchema, "PUT", `${path}/signal`, { Signal: "SIGTERM", Task: "vm" });
  await write(DoneReplySchema, "PUT", `${path}/signal`, { Signal: "SIGKILL" });
  expect(agent.told).toEqual(["restart vm", "restart all", "SIGTERM to vm", "SIGKILL to all"]);
  expect((await send("PUT", `${path}/signal`, { Task: "vm" })).status).toBe(400);
  expect((await send("PUT", "/v1/client/allocation/no/restart", {})).status).toBe(404);
  expect((await send("GET", `${path}/exec`)).status).toBe(501);
});

test("an evaluation is shown by its id and its allocations are those that it placed", async () => {
  const { read } = twoAllocations();
  const id = evaluation().id;
  expect(await read(EvaluationSchema, `/v1/evaluation/${id}`)).toMatchObject({
    ID: id,
    Status: "complete",
    JobID: "web",
    Namespace: "default",
  });
  const placed = await read(v.array(AllocationStubSchema), `/v1/evaluation/${id}/allocations`);
  expect(placed.map(({ ID }) => ID)).toEqual([FIRST]);
});

for (const path of ["/v1/evaluation/no", "/v1/evaluation/no/allocations"]) {
  test(`GET ${path} is 404 in Nomad's words`, async () => {
    expect(await refusalOf(await testApi().send("GET", path))).toEqual({ status: 404, lines: ["eval not found"] });
  });
}

test("evaluations are listed by prefix and by job", async () => {
  const { agent, read } = twoAllocations();
  const [other, list] = ["f0000000-0000-4000-8000-000000000002", v.array(EvaluationSchema)];
  agent.put({ evaluation: evaluation({ id: other, jobId: "gone" }) });
  expect((await read(list, "/v1/evaluations")).map(({ ID }) => ID)).toEqual([evaluation().id, other]);
  expect((await read(list, "/v1/evaluations?prefix=f0")).map(({ ID }) => ID)).toEqual([other]);
  expect((await read(list, "/v1/evaluations?job=web")).map(({ JobID }) => JobID)).toEqual(["web"]);
});

test("what could not be placed is told by group, in Nomad's words and with the amounts", async () => {
  const { agent, read } = testApi();
  const collision = "network: reserved port collision web=8080";
  const failure = {
    group: "vms",
    shortages: [
      { dimension: "memory", text: "memory: 2 MiB needed, 1 of 4 MiB free", never: false },
      { dimension: collision, text: "port 8080 is held", never: true },
    ],
    filtered: ["group: gone"],
  };
  const blocked = evaluation({
    id: "b0000000-0000-4000-8000-000000000001",
    status: "blocked",
    triggeredBy: "queued-allocs",
    previousEval: evaluation().id,
    failures: [failure],
    modifyTime: RECORD_TIME + 5,
  });
  agent.put({ job: jobRecord({ waiting: { evalId: blocked.id, groups: ["vms"] } }), evaluation: blocked });
  agent.put({ evaluation: evaluation({ failures: [failure], blockedEval: blocked.id }) });
  expect(await read(EvaluationSchema, `/v1/evaluation/${evaluation().id}`)).toMatchObject({
    Status: "complete",
    BlockedEval: blocked.id,
    QueuedAllocations: { vms: 1 },
    FailedTGAllocs: {
      vms: {
        NodesEvaluated: 1,
        NodesFiltered: 1,
        NodesExhausted: 1,
        DimensionExhausted: { memory: 1, [collision]: 1 },
        ConstraintFiltered: { "group: gone": 1 },
        CoalescedFailures: 0,
        Paddock: {
          Reasons: ["memory: 2 MiB needed, 1 of 4 MiB free", "port 8080 is held", "group: gone"],
          Never: true,
        },
      },
    },
  });
  const waiting = await read(v.array(EvaluationSchema), "/v1/evaluations?status=blocked");
  expect(waiting.map(({ ID, PreviousEval, TriggeredBy }) => [ID, PreviousEval, TriggeredBy])).toEqual([
    [blocked.id, evaluation().id, "queued-allocs"],
  ]);
  expect(waiting[0]?.ModifyTime).toBe((RECORD_TIME + 5) * 1e6);
  const [stub] = await read(v.array(JobStubSchema), "/v1/jobs");
  expect([stub?.Status, stub?.JobSummary.Summary["vms"]?.Queued]).toEqual(["pending", 1]);
});

test("an evaluation that placed everything has no failures, as in Nomad", async () => {
  const { read } = twoAllocations();
  const written = await read(EvaluationSchema, `/v1/evaluation/${evaluation().id}`);
  expect([written.FailedTGAllocs, written.BlockedEval]).toEqual([null, ""]);
});

test("a list that is asked for again says the same, and what was written of an ended allocation since", async () => {
  const { agent, read, send } = twoAllocations();
  const over = allocation({ tasks: { vm: taskRecord(ended(GRACEFUL)) } });
  agent.put({ allocation: over });
  const list = async () => await read(v.array(AllocationStubSchema), "/v1/allocations");
  const first = await list();
  expect(first.map(({ ID, ClientStatus }) => [ID, ClientStatus])).toEqual([
    [FIRST, "complete"],
    [SECOND, "running"],
  ]);
  expect(await list()).toEqual(first);
  expect(await read(v.array(AllocationStubSchema), "/v1/job/web/allocations")).toEqual(first);
  agent.put({ allocation: { ...over, desiredDescription: "told anew", modifyIndex: 77 } });
  const [told] = await list();
  expect([told?.DesiredDescription, told?.ModifyIndex]).toEqual(["told anew", 77]);
  expect((await send("GET", "/v1/allocations")).headers.get("content-type")).toBe("application/json");
  expect((await read(v.array(AllocationStubSchema), "/v1/allocations?resources=true"))[0]).toHaveProperty(
    "AllocatedResources",
  );
  expect((await list())[0]).not.toHaveProperty("AllocatedResources");
});

test("an ended allocation is not read for every list", async () => {
  const { agent, read } = twoAllocations();
  agent.put({ allocation: allocation({ tasks: { vm: taskRecord(ended(GRACEFUL)) } }) });
  const asked: string[] = [];
  const { allocation: lookUp } = agent;
  agent.allocation = (id) => {
    asked.push(id);
    return lookUp(id);
  };
  for (let times = 0; times < 3; times++) await read(v.array(AllocationStubSchema), "/v1/allocations");
  expect(asked).toEqual([FIRST, SECOND, SECOND, SECOND]);
  asked.length = 0;
  const whole = async () => await read(v.array(AllocationStubSchema), "/v1/allocations?resources=true");
  expect(await whole()).toEqual(await whole());
  expect(asked).toEqual([FIRST, SECOND, SECOND]);
});
