import { expect, test } from "bun:test";
import { changeOf } from "../../../../src/agent/disk/replaced.ts";
import type { Allocation } from "../../../../src/allocation/allocation.ts";
import type { Job } from "../../../../src/job/job.ts";
import type { JobRecord } from "../../../../src/state/records.ts";
import { allocation, jobOf, jobRecord, jobText, NODE } from "../../../helpers/records.ts";

const JOB = jobOf(jobText());

/** A job with a second group, which no job file may have yet. */
const TWO: Job = { ...JOB, groups: JOB.groups.flatMap((group) => [group, { ...group, name: "more" }]) };

const change = (job: Job, previous: JobRecord | undefined, live: readonly Allocation[]) =>
  changeOf(
    {
      node: () => NODE,
      dirs: { dataDir: "/data", runDir: "/run" },
      store: {
        job: () => previous,
        jobVersion: () => previous,
        liveAllocations: () => live,
        allocations: () => live,
        evaluations: () => [],
        lastLaunch: () => undefined,
      } as never,
    },
    job,
  );

test("a job that is what runs is left alone, unless its only machine has ended or was told to", () => {
  const record = jobRecord({ job: JOB });
  expect(change(JOB, record, [allocation()])).toMatchObject({ kind: "none", running: [allocation()] });
  expect(change(JOB, record, [])).toMatchObject({ kind: "replaces", running: [] });
  const stopping = allocation({ desired: "stop" });
  expect(change(JOB, record, [stopping])).toMatchObject({ kind: "replaces", running: [], before: [stopping] });
  expect(change(JOB, jobRecord({ job: JOB, stop: true }), [allocation()])).toMatchObject({ kind: "in place" });
});

test("a job is updated in place only when each group that is to run has a machine", () => {
  const record = jobRecord({ job: { ...JOB, priority: 1 } });
  expect(change(JOB, record, [allocation()])).toMatchObject({ kind: "in place" });
  expect(change(TWO, record, [allocation()])).toMatchObject({ kind: "replaces" });
  const both = [allocation(), allocation({ id: "2f6a0b1c-0000-4000-8000-000000000001", group: "more" })];
  expect(change({ ...TWO, priority: 2 }, jobRecord({ job: TWO }), both)).toMatchObject({ kind: "in place" });
  expect(change(JOB, jobRecord({ job: TWO }), both)).toMatchObject({ kind: "replaces" });
});
