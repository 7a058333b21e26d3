import { expect, test } from "bun:test";
import type { JobPlan } from "../../src/agent/plan/plan-job.ts";
import { AppError } from "../../src/base/errors.ts";
import { withRunningJob, writeJob } from "../helpers/cli-job.ts";
import { jobRecord, jobText } from "../helpers/records.ts";

const planned = (action: JobPlan["groups"][number]["action"], more: Partial<JobPlan> = {}): JobPlan => ({
  previous: jobRecord({ jobModifyIndex: 17 }),
  groups: [{ group: "vms", action, allocationId: null, why: [], text: "what happens" }],
  refused: [],
  failures: [],
  findings: [],
  warnings: [],
  ...more,
});

test.each<[code: number, JobPlan["groups"][number]["action"]]>([
  [0, "ignore"],
  [0, "in-place update"],
  [1, "create"],
  [1, "create/destroy update"],
  [1, "destroy"],
])("job plan exits with %p for %s, as Nomad's does", async (code, action) => {
  await using api = withRunningJob();
  api.agent.planned = planned(action);
  expect((await api.run(["plan", writeJob(api)])).code).toBe(code);
});

test("job plan shows the difference, what it meets and the command that runs just this", async () => {
  await using api = withRunningJob();
  api.agent.planned = planned("create/destroy update", {
    findings: [
      { topic: "constraint", where: "job", ok: true, text: "it holds" },
      { topic: "image", where: 'group "vms"', ok: false, text: "it is not there" },
    ],
    warnings: ["be careful"],
  });
  const file = writeJob(api, jobText().replace("s3cr3t-env", "other-env").replace("cpu    = 500", "cpu = 600"));
  const { stdout, stderr } = await api.run(["job", "plan", file], { columns: 200 });
  expect(stderr).toBe("warning: be careful\n");
  expect(stdout).toStartWith('+/- Job: "web"\n+/- Task Group: "vms" (1 create/destroy update)\n');
  expect(stdout).toContain('\n    +/- Env[TOKEN]: "***" => "***"\n');
  expect(stdout).toContain('\nActions:\n  group "vms"  what happens\n');
  expect(stdout).toContain('\nConstraints:\n  ok  job  it holds\n\nImages:\n  no  group "vms"  it is not there\n');
  expect(stdout).toContain('- WARNING: a new machine would not start:\n  *  group "vms": it is not there\n');
  expect(stdout).toContain(`\nJob Modify Index: 17\n`);
  expect(stdout).toContain(`\npaddock job run -check-index 17 ${file}\n`);
  const less = await api.run(["job", "plan", "-diff=false", file]);
  expect(less.stdout).toStartWith("Actions:\n");
});

test("job plan says what waits, and what is refused", async () => {
  await using api = withRunningJob();
  const shortage = { dimension: "memory", text: "memory: 1 MiB needed", never: false };
  api.agent.planned = planned("create", { failures: [{ group: "vms", shortages: [shortage], filtered: [] }] });
  const waits = await api.run(["job", "plan", writeJob(api)]);
  expect(waits.stdout).toContain(
    '- WARNING: no room for all allocations now:\n  Task Group "vms" (failed to place 1 allocation):',
  );
  api.agent.planned = planned("ignore", { refused: ["no such place"] });
  const refused = await api.run(["job", "plan", writeJob(api)]);
  expect(refused.stdout).toContain("- WARNING: paddock job run refuses this job:\n  *  no such place\n");
  expect(refused.code).toBe(1);
});

test("job plan exits with 255 where there is no plan, whatever is wrong", async () => {
  await using api = withRunningJob();
  const broken = writeJob(api, 'job "web" {');
  for (const args of [[broken], ["nosuch.hcl"], ["-nosuch", broken], []]) {
    const { code, stderr } = await api.run(["job", "plan", ...args]);
    expect([code, stderr]).toEqual([255, expect.stringContaining("Error: ")]);
  }
  const address = await api.run(["plan", "-address", "/nonexistent", writeJob(api)]);
  expect(address.code).toBe(255);
  expect((await api.run(["job", "validate", "nosuch.hcl"])).code).toBe(1);
  expect((await api.run(["plan", "-help"])).stdout).toMatch(/255 +there is no plan/);
});

test("job run -check-index hands the index on, and the agent's refusal is the command's", async () => {
  await using api = withRunningJob();
  await api.run(["run", "-detach", "-check-index", "17", writeJob(api)]);
  await api.run(["run", "-detach", "-check-index=18", writeJob(api)]);
  await api.run(["run", "-detach", writeJob(api)]);
  expect(api.agent.registered.map(({ enforceIndex }) => enforceIndex)).toEqual([17, 18, undefined]);
  api.agent.failure = new AppError("conflict", "it has index 18");
  const { code, stderr } = await api.run(["run", "-check-index", "17", writeJob(api)]);
  expect([code, stderr]).toEqual([1, "Error: it has index 18\n"]);
});

test("job plan takes values of variables as job run does, and repeats none of them", async () => {
  await using api = withRunningJob();
  api.agent.planned = planned("ignore");
  const text = jobText().replace("s3cr3t-env", "${var.token}");
  const file = writeJob(api, `variable "token" {\n  type = string\n}\n${text}`);
  const { code, stdout } = await api.run(["plan", "-var", "token=s3cr3t-value", file]);
  expect(code).toBe(0);
  expect(stdout).toContain(`-check-index 17 -var token=... ${file}\n`);
  expect(stdout).not.toContain("s3cr3t-value");
});

test("the command that follows a plan goes to the agent that was asked", async () => {
  await using api = withRunningJob();
  api.agent.planned = planned("ignore");
  const file = writeJob(api);
  const { stdout } = await api.run(["plan", "-address", api.socket, file], { env: { PADDOCK_ADDR: "/nowhere" } });
  expect(stdout).toContain(`\npaddock job run -address ${api.socket} -check-index 17 ${file}\n`);
});
