import { expect, test } from "bun:test";
import { newId } from "../../src/base/ids.ts";
import type { Job } from "../../src/job/job.ts";
import type { CliApi } from "../helpers/cli-api.ts";
import { event, inState, putInTurn, withRunningJob } from "../helpers/cli-job.ts";
import { ended, evaluation, GRACEFUL, jobOf, jobRecord, jobText, RUNNING } from "../helpers/records.ts";

/** A job that runs in its second version. */
function withHistory(): CliApi {
  const api = withRunningJob();
  const job = jobOf(jobText().replace("memory = 256", "memory = 300").replace("s3cr3t-env", "0ther-s3cr3t"));
  api.agent.put({ job: jobRecord({ version: 1, job }) });
  return api;
}

test("job history lists the versions, newest first, and with -p what changed without secrets", async () => {
  await using api = withHistory();
  const plain = await api.run(["job", "history", "web"]);
  expect(plain).toMatchObject({ code: 0, stderr: "" });
  expect(plain.stdout).toMatch(/^Version {5}= 1\nStable {6}= false\nSubmit Date = 2\d+.*\n\nVersion {5}= 0\n/);
  const { stdout } = await api.run(["job", "history", "-p", "web"]);
  expect(stdout).toContain('Diff:\n+/- Job: "web"\n+/- Task Group: "vms"\n  +/- Task: "vm"\n');
  expect(stdout).toContain('+/- MemoryMB:    "256" => "300"');
  expect(stdout).not.toMatch(/s3cr3t/);
});

test("job history -version and job inspect -version show one, and name the others when there is none", async () => {
  await using api = withHistory();
  const one = await api.run(["job", "history", "-version", "0", "-json", "web"]);
  expect(JSON.parse(one.stdout)).toMatchObject({ ID: "web", Version: 0 });
  const all = await api.run(["job", "history", "-json", "web"]);
  expect(JSON.parse(all.stdout)).toMatchObject([{ Version: 1 }, { Version: 0 }]);
  const full = await api.run(["job", "history", "-full", "-version=1", "web"]);
  expect(full.stdout).toContain('"MemoryMB": 300');
  const inspected = await api.run(["job", "inspect", "-version", "0", "web"]);
  expect(JSON.parse(inspected.stdout)).toMatchObject({ Job: { Version: 0 } });
  for (const args of [["history"], ["inspect"], ["revert"]]) {
    const operands = args[0] === "revert" ? ["web", "9"] : ["-version", "9", "web"];
    const { code, stderr } = await api.run(["job", ...args, ...operands]);
    expect([code, stderr]).toEqual([1, 'Error: job "web" has no version 9\nhint: these are remembered: 1, 0\n']);
  }
});

test("job revert registers an earlier version, job scale another count, and both ask before a disk is left behind", async () => {
  await using api = withHistory();
  const reverted = await api.run(["job", "revert", "-detach", "web", "0"]);
  expect(reverted).toMatchObject({ code: 0, stdout: expect.stringContaining("Job registration successful") });
  expect(api.agent.registered.at(-1)?.job.groups[0]?.tasks[0]?.resources.memory).toBe(256);
  const scaled = await api.run(["job", "scale", "-detach", "web", "vms", "0"]);
  expect(scaled.code).toBe(0);
  expect(api.agent.registered.at(-1)?.job.groups[0]?.count).toBe(0);
  const changes = api.agent.registered.length;
  const message = "which DISCARDS the disk";
  api.agent.fates = [
    { allocationId: "1f6a0b1c-0000-4000-8000-000000000001", task: "vm", message, discarded: { path: "/d", bytes: 1 } },
  ];
  const refused = await api.run(["job", "scale", "web", "1"]);
  expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining(message)]);
  expect(api.agent.registered).toHaveLength(changes);
  expect((await api.run(["job", "scale", "-detach", "-discard", "web", "1"])).code).toBe(0);
});

test("job revert and job scale change only what was asked about, not what somebody else made of it meanwhile", async () => {
  await using api = withHistory();
  const { jobModifyIndex } = api.agent.job("web");
  api.agent.disksAtStake = async () => {
    api.agent.put({ job: jobRecord({ version: 2, jobModifyIndex: jobModifyIndex + 1 }) });
    return [];
  };
  await api.run(["job", "scale", "-detach", "web", "0"]);
  expect(api.agent.registered.map(({ enforceIndex }) => enforceIndex)).toEqual([jobModifyIndex]);
  await using other = withHistory();
  other.agent.disksAtStake = async () => {
    other.agent.put({ job: jobRecord({ version: 2 }) });
    return [];
  };
  const { code, stderr } = await other.run(["job", "revert", "-detach", "web", "0"]);
  expect([code, stderr]).toEqual([1, expect.stringContaining("was to be at version 1, but it is at 2")]);
  expect(other.agent.registered).toEqual([]);
});

test("job revert and job scale say what is wrong with their words", async () => {
  await using api = withHistory();
  for (const args of [
    ["revert", "web", "last"],
    ["scale", "web", "-1"],
    ["scale", "web", "two"],
  ]) {
    const { code, stderr } = await api.run(["job", ...args]);
    expect([code, stderr]).toEqual([1, expect.stringMatching(/^Error: /)]);
  }
  expect(api.agent.registered).toEqual([]);
});

test("job scale to none ends well once the last machine has ended", async () => {
  await using api = withHistory();
  Object.assign(api.agent, {
    registerJob: async (job: Job) => {
      const made = evaluation({ id: newId() });
      const record = jobRecord({ job, version: 2 });
      api.agent.put({ job: record, evaluation: made });
      const leaves = { desired: "stop" } as const;
      putInTurn(api, inState(RUNNING, [], leaves), inState(ended(GRACEFUL), [event("Killed", "it is gone")], leaves));
      return { evaluation: made, job: record, warnings: [], verdicts: [] };
    },
  });
  const { code, stdout, stderr } = await api.run(["job", "scale", "web", "0"]);
  expect({ code, stdout }).toEqual({ code: 0, stdout: 'job "web" has no machine, as it is to have (count = 0)\n' });
  expect(stderr).toContain("it is gone");
});
