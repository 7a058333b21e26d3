import { expect, test } from "bun:test";
import * as v from "valibot";
import {
  JobSchema,
  JobStubSchema,
  JobSummarySchema,
  jobStatus,
  writeJob,
  writeJobStub,
  writeJobSummary,
} from "../../../src/contract/job-record.ts";
import { decodeJobJson, encodeJob } from "../../../src/job/wire.ts";
import {
  allocation,
  CRASHED,
  ended,
  GRACEFUL,
  jobRecord,
  LOST,
  RECORD_TIME,
  RUNNING,
  taskRecord,
} from "../../helpers/records.ts";

const record = jobRecord({ version: 3 });
const live = allocation();
const stopping = allocation({ desired: "stop" });
const over = allocation({ tasks: { vm: taskRecord(ended(GRACEFUL)) } });
const starting = allocation({ tasks: { vm: taskRecord({ kind: "pending" }) } });
const waiting = jobRecord({ waiting: { evalId: "e", groups: ["vms"] } });
const system = jobRecord({ job: { ...record.job, type: "system" } });

for (const [what, job, allocations, status] of [
  ["has no allocation yet", record, [], "pending"],
  ["has one that runs", record, [over, live], "running"],
  ["has one that is to start", record, [starting], "running"],
  ["has only such that have ended", record, [over], "dead"],
  ["waits for room and has only such that have ended", waiting, [over], "pending"],
  ["waits for room while its earlier version runs", waiting, [live], "running"],
  ["was stopped, though its machine still shuts down", jobRecord({ stop: true }), [stopping], "dead"],
  ["was stopped before it had any", jobRecord({ stop: true }), [], "dead"],
  ["is a system job with nothing to run now", system, [over], "running"],
] as const) {
  test(`a job that ${what} is ${status}`, () => {
    expect(jobStatus(job, allocations)).toBe(status);
  });
}

/** Pointer fields of Go's api.Job that the CLI reads through without looking. */
const POINTERS = [
  ...["Region", "Namespace", "ID", "Name", "Type", "Priority", "AllAtOnce", "NodePool", "Status", "StatusDescription"],
  ...["Stable", "Version", "SubmitTime", "CreateIndex", "ModifyIndex", "JobModifyIndex", "Stop", "ParentID"],
  ...["ConsulToken", "VaultToken", "NomadTokenID"],
];

test("a job has its file's own description and the agent's words about it, and no pointer that Go would trip over", () => {
  const written = writeJob(record, [live], encodeJob(record.job));
  expect(v.parse(JobSchema, written)).toEqual(written);
  expect(written).toMatchObject({ ID: "web", Status: "running", Version: 3, SubmitTime: RECORD_TIME * 1e6 });
  expect(written.TaskGroups[0]?.Tasks[0]?.Driver).toBe("qemu");
  expect(POINTERS.filter((name) => (written[name] ?? null) === null)).toEqual([]);
});

test("a job that was read back can be submitted again as it is", () => {
  const written = writeJob(record, [live], encodeJob(record.job));
  const { job, diagnostics } = decodeJobJson(JSON.stringify({ Job: written }));
  expect(diagnostics).toEqual([]);
  expect(job).toEqual(record.job);
});

test("a summary counts the allocations of every group by status, groups without any too", () => {
  const [group] = record.job.groups;
  if (group === undefined) throw new Error("the job has no group");
  const two = jobRecord({ job: { ...record.job, groups: [group, { ...group, name: "idle" }] }, modifyIndex: 40 });
  const crashed = allocation({ tasks: { vm: taskRecord(ended(CRASHED)) }, modifyIndex: 55 });
  const lost = allocation({ tasks: { vm: taskRecord(ended(LOST)) } });
  const written = writeJobSummary(two, [live, over, starting, crashed, lost, live]);
  expect(v.parse(JobSummarySchema, written)).toEqual(written);
  expect(written.Summary).toEqual({
    vms: { Queued: 0, Complete: 1, Failed: 1, Running: 2, Starting: 1, Lost: 1, Unknown: 0 },
    idle: { Queued: 0, Complete: 0, Failed: 0, Running: 0, Starting: 0, Lost: 0, Unknown: 0 },
  });
  expect({ children: written.Children, index: written.ModifyIndex }).toEqual({ children: null, index: 55 });
});

test("a group named like a part of every object is counted as any other", () => {
  const odd = allocation({ group: "__proto__", tasks: { vm: taskRecord(RUNNING) } });
  expect(Object.keys(writeJobSummary(record, [odd]).Summary)).toEqual(["vms", "__proto__"]);
});

test("a stub always has its summary, and its meta only when asked for", () => {
  const short = writeJobStub(record, [live], false);
  expect(v.parse(JobStubSchema, short)).toEqual(short);
  expect(short.JobSummary.Summary["vms"]?.Running).toBe(1);
  expect("Meta" in short).toBe(false);
  expect(writeJobStub(record, [live], true).Meta).toEqual({ owner: "ops" });
});
