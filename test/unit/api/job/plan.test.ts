import { expect, test } from "bun:test";
import { diffRecords } from "../../../../src/api/job/plan.ts";
import { PlanReplySchema } from "../../../../src/contract/job-plan.ts";
import { JobVersionsSchema } from "../../../../src/contract/job-record.ts";
import { encodeJob } from "../../../../src/job/wire.ts";
import { refusalOf, testApi } from "../../../helpers/api.ts";
import { jobOf, jobRecord, jobText } from "../../../helpers/records.ts";

const Job = encodeJob(jobOf(jobText()));
const larger = jobOf(jobText().replace("memory = 256", "memory = 512").replace("s3cr3t-env", "another"));
const ID = "1f6a0b1c-0000-4000-8000-000000000001";

test("a plan has Nomad's shape: what differs, what happens to each group, what lacks", async () => {
  const { agent, write } = testApi();
  const shortage = { dimension: "memory", text: "memory: 512 MiB needed, 0 of 500 MiB free", never: false };
  agent.planned = {
    previous: jobRecord({ jobModifyIndex: 17 }),
    groups: [
      {
        group: "vms",
        action: "create/destroy update",
        allocationId: ID,
        why: [{ task: "vm", path: "resources.memory" }],
        text: "allocation 1f6a0b1c is stopped and replaced",
      },
    ],
    refused: [],
    failures: [{ group: "vms", shortages: [shortage], filtered: [] }],
    findings: [{ topic: "resource", where: 'group "vms"', ok: false, text: shortage.text }],
    warnings: ["a word"],
  };
  const reply = await write(PlanReplySchema, "PUT", "/v1/job/web/plan", { Job: encodeJob(larger), Diff: true });
  expect(reply).toMatchObject({
    JobModifyIndex: 17,
    CreatedEvals: null,
    NextPeriodicLaunch: "0001-01-01T00:00:00Z",
    Warnings: "* a word",
    FailedTGAllocs: { vms: { DimensionExhausted: { memory: 1 }, Paddock: { Reasons: [shortage.text] } } },
    Diff: {
      Type: "Edited",
      TaskGroups: [
        {
          Updates: { "create/destroy update": 1 },
          Tasks: [{ Type: "Edited", Annotations: ["forces create/destroy update"] }],
        },
      ],
    },
    Paddock: { Refused: [], Actions: [{ Group: "vms", AllocID: ID }], Findings: [{ Topic: "resource", OK: false }] },
  });
  expect(reply.Annotations.DesiredTGUpdates["vms"]).toMatchObject({ DestructiveUpdate: 1, Place: 0, InPlaceUpdate: 0 });
  expect(JSON.stringify(reply)).not.toMatch(/s3cr3t-env|another/);
});

test("a group that would have to wait keeps that reason beside a refusal of its job", async () => {
  const { agent, write } = testApi();
  const shortage = { dimension: "memory", text: "memory: 512 MiB needed", never: false };
  agent.planned = {
    ...agent.planned,
    groups: [{ group: "vms", action: "create", allocationId: null, why: [], text: "a machine is made" }],
    refused: ["job: no"],
    failures: [{ group: "vms", shortages: [shortage], filtered: [] }],
  };
  const reply = await write(PlanReplySchema, "PUT", "/v1/job/web/plan", { Job });
  expect(reply.FailedTGAllocs).toMatchObject({ vms: { DimensionExhausted: { memory: 1 } } });
});

test("without a diff there is none, and a refusal is a constraint for those who know no other word", async () => {
  const { agent, write } = testApi();
  agent.planned = {
    ...agent.planned,
    groups: [{ group: "vms", action: "create", allocationId: null, why: [], text: "a machine is made" }],
    refused: ["job: no"],
  };
  const reply = await write(PlanReplySchema, "POST", "/v1/job/web/plan", { Job });
  expect(reply).toMatchObject({
    JobModifyIndex: 0,
    Diff: null,
    FailedTGAllocs: { vms: { ConstraintFiltered: { "job: no": 1 } } },
    Paddock: { Refused: ["job: no"] },
  });
});

test("a plan for the name of another job, and of a job with mistakes, is refused", async () => {
  const { send } = testApi();
  expect(await refusalOf(await send("PUT", "/v1/job/other/plan", { Job }))).toEqual({
    status: 400,
    lines: ["the job's ID is not the one in the path of the request"],
  });
  const { status, lines } = await refusalOf(await send("PUT", "/v1/job/web/plan", { Job: { ...Job, Priority: 500 } }));
  expect([status, lines.join()]).toEqual([400, expect.stringContaining("Priority")]);
});

test("what changed with each version is told, with no word of what is secret", async () => {
  const { agent, read } = testApi();
  agent.put({ job: jobRecord({ version: 0 }) });
  agent.put({ job: jobRecord({ version: 1, job: larger }) });
  agent.put({ job: jobRecord({ version: 2 }) });
  const { Diffs, Versions } = await read(JobVersionsSchema, "/v1/job/web/versions?diffs=true");
  expect(Versions).toHaveLength(3);
  const resources = (Diffs ?? []).flatMap(({ TaskGroups }) => TaskGroups[0]?.Tasks[0]?.Objects[0]?.Fields ?? []);
  const memory = resources.filter(({ Name }) => Name === "MemoryMB").map(({ Old, New }) => [Old, New]);
  expect(memory).toEqual([
    ["512", "256"],
    ["256", "512"],
  ]);
  expect(JSON.stringify(Diffs)).not.toMatch(/s3cr3t-env|another/);
});

test("a stop is a difference, and what was never stopped says nothing of it", () => {
  const job = jobOf(jobText());
  const stopped = diffRecords("web", { job, stop: true }, { job, stop: false });
  expect(stopped.Fields).toMatchObject([{ Type: "Edited", Name: "Stop", Old: "true", New: "false" }]);
  expect(diffRecords("web", { job, stop: false }, { job, stop: false }).Fields).toEqual([]);
  expect(diffRecords("web", undefined, { job, stop: false }).Fields.map(({ Name }) => Name)).not.toContain("Stop");
});
