import { describe, expect, test } from "bun:test";
import type { AgentContext } from "../../../../src/agent/context.ts";
import { decidePlacement } from "../../../../src/agent/place/decide.ts";
import type { DiskMode } from "../../../../src/job/disk-mode.ts";
import type { Job } from "../../../../src/job/job.ts";
import { amountsOf } from "../../../../src/placement/amounts.ts";
import { capacity } from "../../../helpers/capacity.ts";
import { copyOf, groupsJob } from "../../../helpers/copies.ts";
import { NODE } from "../../../helpers/records.ts";

/** Two copies of group a, all of whose machines have this image. */
function jobWith(image_path: string, disk: DiskMode | undefined): Job {
  const job = groupsJob({ a: 2 });
  const groups = job.groups.map((group) => ({
    ...group,
    networks: [],
    tasks: group.tasks.map((task) => ({ ...task, config: { ...task.config, image_path, disk } })),
  }));
  return { ...job, groups };
}

/** What each of two copies waits for that are replaced at once, and how often a former version of the job was read. */
async function replaceBoth(before: Job, next: Job): Promise<{ waits: (readonly string[])[]; reads: number }> {
  const resources = { cpu: 0, cores: 0, memory: 0, disk: 0 };
  const live = [0, 1].map((index) => copyOf({ group: "a", index, ports: [], resources }));
  let reads = 0;
  const store = {
    fact: () => undefined,
    liveAllocations: () => live,
    jobVersion: () => {
      reads++;
      return { job: before };
    },
  };
  const context = { store, users: null, node: () => ({ ...NODE, capacity: capacity() }) } as unknown as AgentContext;
  const turns = live.map((replaces) => ({ place: replaces, replaces }));
  const { placed } = await decidePlacement(context, next, turns);
  return { waits: placed.map(({ waitsFor }) => waitsFor), reads };
}

describe("a machine that is replaced together with another one of its job waits for the end of", () => {
  const own = [["a0-1"], ["a1-1"]];
  const both = [
    ["a0-1", "a1-1"],
    ["a1-1", "a0-1"],
  ];
  const images = "/images/a.img";
  test.each<[what: string, before: Job, next: Job, expected: string[][]]>([
    ["its own place alone where all only read the image", jobWith(images, "overlay"), jobWith(images, "copy"), own],
    ["both where the former ones write to it", jobWith(images, "direct"), jobWith(images, "overlay"), both],
    ["both where the new ones write to it", jobWith(images, "overlay"), jobWith(images, "direct"), both],
    ["both where nobody says how it is used", jobWith(images, undefined), jobWith(images, undefined), both],
    [
      "its own place alone where they have different images",
      jobWith("/images/b.img", "direct"),
      jobWith(images, "direct"),
      own,
    ],
    [
      "its own place alone where the image is in its own directory",
      jobWith("local/a.img", "direct"),
      jobWith("local/a.img", "direct"),
      own,
    ],
  ])("%s", async (_what, before, next, expected) => {
    expect((await replaceBoth(before, next)).waits).toEqual(expected);
  });

  test("what a former version says, which is read once for all of its machines", async () => {
    expect((await replaceBoth(jobWith(images, "direct"), jobWith(images, "direct"))).reads).toBe(1);
  });
});

test("a copy that the job asks for no more needs the room that it has until it ends, and not that of the new version", async () => {
  const job = groupsJob({ a: 1 }, { networks: [] });
  const [group] = job.groups;
  if (group === undefined) throw new Error("there is no group");
  const needed = amountsOf(group, capacity());
  const before = { ...needed, memory: needed.memory - 1 };
  const live = [0, 1].map((index) => copyOf({ group: "a", index, ports: [], resources: before }));
  const [stays, leaves] = live;
  if (stays === undefined || leaves === undefined) throw new Error("there are no copies");
  const total = { ...capacity().total, memory: needed.memory + before.memory };
  const store = { fact: () => undefined, liveAllocations: () => live, jobVersion: () => ({ job }) };
  const context = { store, users: null, node: () => ({ ...NODE, capacity: capacity({ total }) }) };
  const turns = [{ place: stays, replaces: stays }];
  const { placed } = await decidePlacement(context as unknown as AgentContext, job, turns, [leaves]);
  expect(placed.map(({ waitsFor }) => waitsFor)).toEqual([["a0-1"]]);
});
