import { describe, expect, test } from "bun:test";
import type { Group } from "../../../../src/job/job.ts";
import { GROUP, PLAIN, problems, TASK, withGroup, withTask } from "../../../helpers/valid-job.ts";

test("a plain job has nothing wrong with it", () => {
  expect(problems(PLAIN)).toEqual([]);
  expect(problems(PLAIN, "warning")).toEqual([]);
});

test("datacenters name something", () => {
  expect(problems({ ...PLAIN, datacenters: [] })).toEqual(["datacenters must name a datacenter"]);
  expect(problems({ ...PLAIN, datacenters: ["dc1", ""] })).toEqual(["datacenters[1] must be set"]);
});

test("groups of a job and tasks of a group differ in their names", () => {
  expect(problems({ ...PLAIN, groups: [GROUP, GROUP] })).toContain(
    'groups[1].name must differ from the other groups\' names, found "vm" again',
  );
  expect(problems(withGroup({ tasks: [TASK, TASK] }))).toContain(
    'groups[0].tasks[1].name must differ from the other tasks\' names, found "vm" again',
  );
});

describe("restart", () => {
  const restart = (change: Partial<Group["restart"]>) => {
    const policy = { ...GROUP.restart, ...change };
    return withGroup({ restart: policy, tasks: [{ ...TASK, restart: policy }] });
  };

  test.each([
    [{ interval: 4_999_999_999 }, ["groups[0].restart.interval must be 5s or more, found 4.999999999s"]],
    [{ interval: 5_000_000_000, attempts: 1, delay: 5_000_000_000 }, []],
    [{ attempts: 0 }, []],
    [{ attempts: 0, interval: 0 }, []],
    [{ attempts: 0, mode: "delay" as const }, ['groups[0].restart.mode must be "fail" when attempts is 0']],
  ])("%j", (change, found) => {
    expect(problems(restart(change))).toEqual(found);
  });

  test("attempts and their delays fit into the interval", () => {
    expect(problems(restart({ attempts: 10, delay: 60e9, interval: 599e9 }))[0]).toContain("must be 10m0s or more");
    expect(problems(restart({ attempts: 10, delay: 60e9, interval: 600e9 }))).toEqual([]);
  });

  test("a task's own policy is checked, too", () => {
    expect(problems(withTask({ restart: { ...TASK.restart, interval: 1 } }))[0]).toStartWith(
      "groups[0].tasks[0].restart.interval must be 5s or more",
    );
  });
});

describe("what is not there yet is refused by name", () => {
  test.each([
    [{ ...PLAIN, groups: [] }, "a job needs a group"],
    [{ ...withGroup({ count: 2 }), type: "system" as const }, "groups[0].count must be 0 or 1 in a job of type system"],
    [withGroup({ tasks: [] }), "a group needs a task"],
    [withTask({ user: "nobody" }), "user is not supported yet"],
    [withTask({ driver: "docker" }), 'driver must be "qemu", found "docker"'],
  ])("%#", (job, message) => {
    expect(problems(job).join("\n")).toContain(message);
  });

  test("a group of more tasks than anybody has is refused before somebody else has to wait", () => {
    const tasks = Array.from({ length: 7_000 }, (_, at) => ({ ...TASK, name: `t${at}` }));
    // Names that come to one are among so many: they are not looked for.
    expect(problems(withGroup({ tasks }))).toEqual([
      "groups[0].count must leave the job with 1000 machines at most, found 7000 in all",
    ]);
  });

  test("a job may have several groups, a group no copies or many, and a job of all groups no more than there is ever room for", () => {
    const counts = (...all: number[]) =>
      problems({ ...PLAIN, groups: all.map((count, at) => ({ ...GROUP, name: `g${at}`, count })) });
    expect([counts(0), counts(2, 0, 3), counts(999, 1)]).toEqual([[], [], []]);
    expect(counts(999, 2, 0)).toEqual([
      "groups[0].count must leave the job with 1000 machines at most, found 1001 in all",
    ]);
    const two = [TASK, { ...TASK, name: "two" }];
    expect(problems(withGroup({ count: 500, tasks: two }))).toEqual([]);
    expect(problems(withGroup({ count: 501, tasks: two }))[0]).toContain("1000 machines at most, found 1002 in all");
  });
});

test("update warns in a job whose machines are not replaced by turns", () => {
  const update = { max_parallel: 2 };
  expect(problems(withGroup({ update }), "warning")).toEqual([]);
  expect(problems({ ...withGroup({ update }), type: "batch" }, "warning")).toEqual([
    "update has no effect in a batch job: all of its machines are replaced at once",
  ]);
});

test("what means nothing on one host warns", () => {
  const warnings = problems({ ...withTask({ kill_signal: "SIGINT" }), region: "eu", namespace: "x" }, "warning");
  expect(warnings.map((message) => message.split(" has no effect")[0])).toEqual([
    'region "eu"',
    'namespace "x"',
    "kill_signal",
  ]);
});
