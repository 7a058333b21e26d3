import { expect, test } from "bun:test";
import * as v from "valibot";
import { AppError } from "../../../../src/base/errors.ts";
import { newId } from "../../../../src/base/ids.ts";
import { AllocationStubSchema } from "../../../../src/contract/allocation.ts";
import { EvaluationSchema } from "../../../../src/contract/evaluation.ts";
import {
  JobSchema,
  JobStubSchema,
  JobSubmissionSchema,
  JobSummarySchema,
  JobVersionsSchema,
} from "../../../../src/contract/job-record.ts";
import {
  DeregisterReplySchema,
  RegisterReplySchema,
  ValidateReplySchema,
} from "../../../../src/contract/job-requests.ts";
import { decodeJobJson, encodeJob } from "../../../../src/job/wire.ts";
import { refusalOf, testApi } from "../../../helpers/api.ts";
import { allocation, evaluation, jobOf, jobRecord, jobText } from "../../../helpers/records.ts";

const job = jobOf(jobText());
const wire = encodeJob(job);

test("a job that is put is registered, and the reply names its evaluation", async () => {
  const { agent, write } = testApi();
  agent.looked = { warnings: ["the machine is replaced"], verdicts: [], uncached: [] };
  const body = { Job: wire, Submission: { Source: jobText(), Format: "hcl2" }, PolicyOverride: true, Region: "global" };
  const reply = await write(RegisterReplySchema, "PUT", "/v1/jobs", body);
  expect(agent.registered).toEqual([
    { job, submission: { source: jobText(), format: "hcl2" }, enforceIndex: undefined },
  ]);
  expect(reply.EvalID).toBe(agent.evaluations({})[0]?.id ?? "");
  expect(reply).toMatchObject({ JobModifyIndex: 21, EvalCreateIndex: 21, Warnings: "* the machine is replaced" });
});

test("POST does what PUT does, also at the path of the job", async () => {
  const { agent, write } = testApi();
  await write(RegisterReplySchema, "POST", "/v1/jobs", { Job: wire });
  await write(RegisterReplySchema, "PUT", "/v1/job/web", { Job: wire });
  expect(agent.registered.map(({ submission }) => submission)).toEqual([null, null]);
});

test("a job is not registered at the path of another", async () => {
  const { agent, send } = testApi();
  const { status, lines } = await refusalOf(await send("PUT", "/v1/job/db", { Job: wire }));
  expect({ status, lines }).toEqual({
    status: 400,
    lines: ["the job's ID is not the one in the path of the request"],
  });
  expect(agent.registered).toEqual([]);
});

for (const [sent, enforced] of [
  [{}, undefined],
  [{ JobModifyIndex: 7 }, undefined],
  [{ EnforceIndex: true }, 0],
  [{ EnforceIndex: true, JobModifyIndex: 7 }, 7],
  [{ EnforceIndex: null, JobModifyIndex: null, Submission: null }, undefined],
] as const) {
  test(`with ${JSON.stringify(sent)} the index that is enforced is ${enforced}`, async () => {
    const { agent, write } = testApi();
    await write(RegisterReplySchema, "PUT", "/v1/jobs", { Job: wire, ...sent });
    expect(agent.registered[0]?.enforceIndex).toBe(enforced);
  });
}

test("a job that has mistakes is refused with every one of them by its path, and nothing of what was sent", async () => {
  const { agent, send } = testApi();
  const text = JSON.stringify({ Job: { ...wire, Priority: 500, Type: "s3cr3t-type" } });
  const { status, lines } = await refusalOf(await send("PUT", "/v1/jobs", text));
  expect(status).toBe(400);
  expect(
    lines.filter((line) => /^(Priority|Type)\b|: (Priority|Type)\b|Priority|Type/.test(line)).length,
  ).toBeGreaterThan(1);
  expect(lines.join("\n")).not.toContain("s3cr3t-env");
  expect(agent.registered).toEqual([]);
});

test("a job that does not fit the node is a conflict with each failing constraint", async () => {
  const { agent, send } = testApi();
  agent.failure = new AppError("unplaceable", 'job "web" does not fit this node:\n  job: needs 10.0, found 7.2.22', {
    hint: "paddock node status shows the node's attributes",
  });
  expect(await refusalOf(await send("PUT", "/v1/jobs", { Job: wire }))).toEqual({
    status: 409,
    lines: [
      'job "web" does not fit this node:',
      "  job: needs 10.0, found 7.2.22",
      "hint: paddock node status shows the node's attributes",
    ],
  });
});

test("jobs are listed by prefix, each with its summary", async () => {
  const { agent, read } = testApi();
  agent.put({ job: jobRecord({ job: { ...job, id: "web" } }), allocation: allocation() });
  agent.put({ job: jobRecord({ job: { ...job, id: "db" } }) });
  const stubs = await read(v.array(JobStubSchema), "/v1/jobs?prefix=w&meta=true");
  expect(stubs).toHaveLength(1);
  expect(stubs[0]).toMatchObject({ ID: "web", Status: "running", Meta: { owner: "ops" } });
  expect(stubs[0]?.JobSummary.Summary["vms"]?.Running).toBe(1);
  expect(await read(v.array(JobStubSchema), "/v1/jobs")).toHaveLength(2);
});

test("a job is found by an id with slashes, spaces, percent signs and letters of any language, percent-encoded", async () => {
  const { agent, read } = testApi();
  for (const id of ["team/web", "50%", "a b", "größe", "%2F", "a?b#c"]) {
    agent.put({ job: jobRecord({ job: { ...job, id } }) });
    expect((await read(JobSchema, `/v1/job/${encodeURIComponent(id)}`)).ID).toBe(id);
    expect((await read(JobSummarySchema, `/v1/job/${encodeURIComponent(id)}/summary`)).JobID).toBe(id);
  }
});

test("a job that is read has the agent's words beside its own", async () => {
  const { agent, read } = testApi();
  agent.put({ job: jobRecord({ version: 2, stop: true }) });
  const shown = await read(JobSchema, "/v1/job/web");
  expect(shown).toMatchObject({ Version: 2, Stop: true, Status: "dead", JobModifyIndex: 11 });
});

for (const path of ["/v1/job/no", "/v1/job/no/summary", "/v1/job/no/submission"]) {
  test(`GET ${path} of a job that is not there is 404 in Nomad's words`, async () => {
    expect(await refusalOf(await testApi().send("GET", path))).toEqual({ status: 404, lines: ["job not found"] });
  });
}

test("lists that hang on a job are empty for one that is not there, and its deployment is null", async () => {
  const { read } = testApi();
  expect(await read(v.array(AllocationStubSchema), "/v1/job/no/allocations")).toEqual([]);
  expect(await read(v.array(EvaluationSchema), "/v1/job/no/evaluations")).toEqual([]);
  expect(await read(v.null(), "/v1/job/no/deployment")).toBeNull();
});

test("allocations and evaluations of a job are its own alone", async () => {
  const { agent, read } = testApi();
  agent.put({ job: jobRecord(), allocation: allocation(), evaluation: evaluation() });
  agent.put({ allocation: allocation({ id: "2f6a0b1c-0000-4000-8000-000000000002", jobId: "db" }) });
  agent.put({ evaluation: evaluation({ id: "e0000000-0000-4000-8000-000000000002", jobId: "db" }) });
  const allocations = await read(v.array(AllocationStubSchema), "/v1/job/web/allocations?all=false&resources=true");
  expect(allocations.map(({ ID }) => ID)).toEqual(["1f6a0b1c-0000-4000-8000-000000000001"]);
  expect(allocations[0]?.AllocatedResources?.Shared.Ports).toHaveLength(1);
  const evaluations = await read(v.array(EvaluationSchema), "/v1/job/web/evaluations");
  expect(evaluations.map(({ ID }) => ID)).toEqual(["e0000000-0000-4000-8000-000000000001"]);
});

test("a job file is given back as it was handed in, and only for the version that has it", async () => {
  const { agent, read, send } = testApi();
  agent.put({ job: jobRecord({ version: 4, submission: { source: jobText(), format: "hcl2" } }) });
  const submission = { Source: jobText(), Format: "hcl2", VariableFlags: null, Variables: "" } as const;
  expect(await read(JobSubmissionSchema, "/v1/job/web/submission")).toEqual(submission);
  expect(await read(JobSubmissionSchema, "/v1/job/web/submission?version=4")).toEqual(submission);
  expect((await send("GET", "/v1/job/web/submission?version=3")).status).toBe(404);
  agent.put({ job: jobRecord() });
  expect((await send("GET", "/v1/job/web/submission")).status).toBe(404);
});

test("a job is stopped by DELETE, and forgotten with purge", async () => {
  const { agent, write, read } = testApi();
  agent.put({ job: jobRecord() });
  const reply = await write(DeregisterReplySchema, "DELETE", "/v1/job/web?purge=false&global=false");
  expect(reply.EvalID).toBe(agent.evaluations({}).at(-1)?.id ?? "");
  expect((await read(JobSchema, "/v1/job/web")).Stop).toBe(true);
  await write(DeregisterReplySchema, "DELETE", "/v1/job/web?purge=true");
  expect(agent.deregistered).toEqual([
    { id: "web", purge: false, force: undefined, noShutdownDelay: false },
    { id: "web", purge: true, force: undefined, noShutdownDelay: false },
  ]);
});

test("a job is stopped by force, and without its shutdown_delay, when the query says so", async () => {
  const { agent, write, send } = testApi();
  agent.put({ job: jobRecord() });
  await write(DeregisterReplySchema, "DELETE", "/v1/job/web?signal=SIGKILL&no_shutdown_delay=true");
  expect(agent.deregistered).toEqual([{ id: "web", purge: false, force: "SIGKILL", noShutdownDelay: true }]);
  expect(await refusalOf(await send("DELETE", "/v1/job/web?signal=SIGHUP"))).toEqual({
    status: 400,
    lines: ["query parameter signal: expected SIGTERM or SIGKILL"],
  });
  expect(agent.deregistered).toHaveLength(1);
});

test("a job file is parsed to the job that can be put", async () => {
  const { send } = testApi();
  const reply = await send("PUT", "/v1/jobs/parse", { JobHCL: jobText(), Canonicalize: true });
  expect(reply.status).toBe(200);
  expect(decodeJobJson(await reply.text()).job).toEqual(job);
});

test("a job file that has mistakes is refused with line and column, and without the lines of the file", async () => {
  const { send } = testApi();
  const { status, lines } = await refusalOf(
    await send("POST", "/v1/jobs/parse", { JobHCL: 'job "web" {\n  prioritty = 5 # s3cr3t\n}\n' }),
  );
  expect(status).toBe(400);
  expect(lines.some((line) => line.startsWith("<request>:2:3: "))).toBe(true);
  expect(lines.join("\n")).not.toContain("s3cr3t");
});

test("parsing with HCLv1 is refused by name", async () => {
  const reply = await testApi().send("POST", "/v1/jobs/parse", { JobHCL: jobText(), HCLv1: true });
  const { status, lines } = await refusalOf(reply);
  expect(status).toBe(400);
  expect(lines[0]).toContain("HCLv1");
});

test("a job file is parsed with the variables that are sent, and without the agent's files and environment", async () => {
  const { send } = testApi();
  const declared = `variable "dc" {\n  type = string\n}\n${jobText().replace('" {', '" {\n  datacenters = [var.dc]')}`;
  const reply = await send("POST", "/v1/jobs/parse", { JobHCL: declared, Variables: 'dc = "eu"' });
  expect(decodeJobJson(await reply.text()).job?.datacenters).toEqual(["eu"]);
  process.env["NOMAD_VAR_dc"] = "of the agent";
  try {
    const { status, lines } = await refusalOf(await send("POST", "/v1/jobs/parse", { JobHCL: declared }));
    expect({ status, first: lines[0] }).toEqual({ status: 400, first: '<request>:1:10: variable "dc" has no value' });
  } finally {
    delete process.env["NOMAD_VAR_dc"];
  }
  const files = declared.replace("var.dc", 'file("/etc/hostname")');
  const refused = await refusalOf(await send("POST", "/v1/jobs/parse", { JobHCL: files, Variables: 'dc = "eu"' }));
  expect(refused.lines[0]).toContain('function "file" looks at files, which only the command line does');
});

test("what is wrong with the variables that are sent is told without their values", async () => {
  const body = { JobHCL: `variable "a" {\n  type = number\n}\n${jobText()}`, Variables: 'a = "s3cr3t"' };
  const { status, lines } = await refusalOf(await testApi().send("POST", "/v1/jobs/parse", body));
  expect(status).toBe(400);
  expect(lines[0]).toBe('<variables>:1:5: variable "a": expected a number, found text that is none');
  expect(lines.join("\n")).not.toContain("s3cr3t");
});

test("a valid job is validated, with what is doubtful and what does not fit the node as warnings", async () => {
  const { agent, write } = testApi();
  agent.looked = {
    warnings: ["slow without KVM"],
    verdicts: [
      { where: "job", text: "kernel is linux", ok: true },
      { where: 'group "vms"', text: "wants 10.0, found 7.2.22", ok: false },
    ] as unknown as typeof agent.looked.verdicts,
    uncached: ['group "vms", task "vm": http://h/a.img (without a checksum)'],
  };
  const lost = { path: "/data/disk.qcow2", bytes: 12 };
  const allocationId = newId();
  agent.fates = [
    { allocationId: newId(), task: "vm", message: "its disk moves along", discarded: null },
    { allocationId, task: "vm", message: "DISCARDS the disk", discarded: lost },
  ];
  const reply = await write(ValidateReplySchema, "PUT", "/v1/validate/job", { Job: wire });
  expect(reply).toEqual({
    DriverConfigValidated: true,
    ValidationErrors: [],
    Error: "",
    Warnings: [
      "* slow without KVM",
      '* does not fit this node: group "vms": wants 10.0, found 7.2.22',
      '* not in the cache of this agent, which is offline: group "vms", task "vm": http://h/a.img (without a checksum)',
      "* its disk moves along",
      "* DISCARDS the disk",
    ].join("\n"),
    Paddock: {
      Discards: [
        { AllocID: allocationId, Task: "vm", Path: "/data/disk.qcow2", Bytes: 12, Message: "DISCARDS the disk" },
      ],
    },
  });
});

test("a job with mistakes is validated too: they are the answer", async () => {
  const { write } = testApi();
  const reply = await write(ValidateReplySchema, "POST", "/v1/validate/job", { Job: { ...wire, Priority: 500 } });
  expect(reply.ValidationErrors).toHaveLength(1);
  expect(reply.ValidationErrors[0]).toContain("Priority");
  expect(reply.Error).toBe(reply.ValidationErrors[0] ?? "");
});

test("the versions of a job come newest first, each as it was, in Nomad's shape", async () => {
  const { agent, read, send } = testApi();
  agent.put({ job: jobRecord({ version: 0, job: jobOf(jobText("web", "count = 1")) }) });
  agent.put({ job: jobRecord({ version: 1, waiting: { evalId: "e", groups: ["vms"] } }), allocation: allocation() });
  const reply = await read(JobVersionsSchema, "/v1/job/web/versions?diffs=false");
  expect(reply).toMatchObject({ Diffs: null, Index: agent.changes.index, KnownLeader: true, LastContact: 0 });
  expect(reply.Versions.map(({ ID, Version, Status }) => [ID, Version, Status])).toEqual([
    ["web", 1, "running"],
    ["web", 0, "running"],
  ]);
  expect(await refusalOf(await send("GET", "/v1/job/none/versions"))).toEqual({
    status: 404,
    lines: ["job versions not found"],
  });
  const { Diffs } = await read(JobVersionsSchema, "/v1/job/web/versions?diffs=true");
  expect(Diffs).toMatchObject([{ Type: "None", ID: "web" }]);
});
