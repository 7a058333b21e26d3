import { expect, test } from "bun:test";
import { findArtifacts } from "../../../../src/agent/plan/artifacts.ts";
import { planJob } from "../../../../src/agent/plan/plan-job.ts";
import { findResources } from "../../../../src/agent/plan/resources.ts";
import { placesOf } from "../../../../src/agent/reconcile/reconcile.ts";
import { AppError } from "../../../../src/base/errors.ts";
import type { Job } from "../../../../src/job/job.ts";
import { capacity } from "../../../helpers/capacity.ts";
import { jobOf, jobText, NODE } from "../../../helpers/records.ts";
import { testSources } from "../../../helpers/sources.ts";

const dirs = { dataDir: "/nowhere/data", runDir: "/nowhere/run" };
const context = {
  dirs,
  garbage: {} as never,
  node: () => ({ ...NODE, capacity: capacity({ total: { cpu: 0, cores: 0, memory: 300, disk: 1000 } }) }),
  nodeComplete: Promise.resolve(),
  policy: { imagePaths: [], argsAllowlist: [], emulatorsAllowlist: [], maxKillTimeout: 30e9 as never },
  sources: testSources(dirs),
  site: { offline: false, trustedKeys: null },
  users: null,
  store: {
    fact: () => undefined,
    job: () => undefined,
    liveAllocations: () => [],
    allocations: () => [],
    evaluations: () => [],
  } as never,
};

const JOB = jobOf(jobText());

const withArtifact = (more: string): Job =>
  jobOf(jobText().replace("env {", `artifact {\n source = "http://example.org/a"\n ${more}\n }\n env {`));

const told = (job: Job, more: Partial<typeof context> = {}): string[] =>
  findArtifacts({ ...context, ...more }, job).map(({ ok, text }) => `${ok} ${text}`);

test("a plan goes on without files of credentials that are not there just now", () => {
  const sources = testSources(dirs, { netrcFile: "/nowhere/netrc" });
  expect(told(withArtifact(""), { sources })).toEqual(["true http://example.org/a: not in the cache, it is fetched"]);
});

test.each([
  'headers { Authorization = "${NOMAD_PORT_http}" }',
  'options { archive = "${NOMAD_PORT_http}" }',
  'destination = "local/${NOMAD_PORT_http}"',
])("what hangs on an allocation is not guessed: %s", (more) => {
  expect(told(withArtifact(more))).toEqual([
    "true http://example.org/a: what is fetched is known once there is an allocation",
  ]);
});

test("groups of one job run side by side, and each counts what the ones before it take", () => {
  const two: Job = { ...JOB, groups: JOB.groups.flatMap((group) => [group, { ...group, name: "more" }]) };
  const change = { created: placesOf(two), replaced: [], kept: [] };
  expect(findResources(context, two, change).filter(({ text }) => text.startsWith("memory"))).toMatchObject([
    { where: 'group "vms"', ok: true, text: "memory: 256 MiB, 300 of 300 MiB free" },
    { where: 'group "more"', ok: false },
  ]);
});

test("a fault of the agent's own is no refusal of the job", async () => {
  const broken = {
    ...context,
    get users(): null {
      throw new AppError("internal", "a fault");
    },
  };
  await expect(planJob(broken, JOB)).rejects.toThrow("a fault");
});
