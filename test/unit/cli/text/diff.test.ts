import { expect, test } from "bun:test";
import * as v from "valibot";
import { paint } from "../../../../src/cli/terminal/style.ts";
import { describeDiff } from "../../../../src/cli/text/diff.ts";
import { askPlan } from "../../../../src/client/plan.ts";
import { diffJobs } from "../../../../src/contract/diff/job.ts";
import { writePlanReply } from "../../../../src/contract/job-plan.ts";
import type { Job } from "../../../../src/job/job.ts";
import { encodeJob } from "../../../../src/job/wire.ts";
import { jobOf, jobText } from "../../../helpers/records.ts";

const before = jobOf(jobText());
const after = jobOf(
  jobText("web", 'count = 0\n constraint {\n operator = "distinct_hosts"\n value = "true"\n }')
    .replace("memory = 256", "memory = 300")
    .replace("s3cr3t-env", "other"),
);

function shown(old: Job | undefined, now: Job, verbose: boolean): string {
  const why = [{ task: "vm", path: "resources.memory" }];
  const group = {
    group: "vms",
    action: old ? "create/destroy update" : "create",
    allocationId: null,
    why,
    text: "",
  } as const;
  const plan = { previous: undefined, groups: [group], refused: [], failures: [], findings: [] };
  const diff = diffJobs("web", old && encodeJob(old), encodeJob(now));
  const reply = v.parse(askPlan.plan("web").schema, writePlanReply(plan, diff, []));
  if (reply.Diff === null) throw new Error("no diff");
  return describeDiff(reply.Diff, verbose)
    .map((line) => paint(line, false).trimEnd())
    .join("\n");
}

test("a job that is new is three lines, and more on demand", () => {
  expect(shown(undefined, before, false)).toBe(
    '+ Job: "web"\n+ Task Group: "vms" (1 create)\n  + Task: "vm" (forces create)\n',
  );
  const all = shown(undefined, before, true).split("\n");
  expect(all).toContain('+ Priority:    "50"');
  expect(all).toContain('  + Count:         "1" (forces create)');
  expect(all).toContain('    + Env[TOKEN]:    "***"');
});

test("what differs stands under one another, as Nomad's CLI prints it", () => {
  expect(shown(before, after, false)).toBe(`+/- Job: "web"
+/- Task Group: "vms" (1 create/destroy update)
  +/- Count: "1" => "0" (forces destroy)
  +   Constraint {
      + Operand: "distinct_hosts"
      + RTarget: "true"
      }

  +/- Task: "vm" (forces create/destroy update)
    +/- Env[TOKEN]: "***" => "***"
    +/- Resources {
          CPU:         "500"
          Cores:       "0"
          DiskMB:      "0"
          IOPS:        "0"
      +/- MemoryMB:    "256" => "300"
          MemoryMaxMB: "0"
          SecretsMB:   "0"
        }
`);
  expect(shown(before, before, false)).toBe('Job: "web"\nTask Group: "vms" (1 create/destroy update)\n  Task: "vm"\n');
});
