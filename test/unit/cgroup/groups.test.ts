import { expect, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Cgroups, closeGroup, openCgroups } from "../../../src/cgroup/groups.ts";
import { readNumbers } from "../../../src/cgroup/numbers.ts";
import { agentCgroup, isMachineCgroupName, machineCgroup } from "../../../src/paths.ts";
import { groupTree } from "../../helpers/cgroup-tree.ts";
import { tempDir } from "../../helpers/temp.ts";

const LIMITS = { memoryMax: 1 << 30, guestMemory: 1 << 29, cpuWeight: 4, cores: [1, 2], pidsMax: 514 };
const NAME = machineCgroup("0a1b2c3d-0000-4000-8000-000000000000", "vm", 1);

function opened(mount: string, controllers?: string): Cgroups {
  const tree = groupTree(mount);
  tree.group("/", controllers === undefined ? {} : { controllers });
  const { cgroups } = openCgroups(tree.source("/"), "paddock-1");
  if (cgroups === null) throw new Error("no groups");
  return cgroups;
}

const read = (...path: string[]): string => readFileSync(join(...path), "utf8");

test("a machine's group has its limits, and is entered through the descriptor", async () => {
  await using dir = tempDir();
  const cgroups = opened(dir.path);
  expect(cgroups.controllers).toEqual(["memory", "cpu", "cpuset", "pids"]);
  const group = cgroups.create(NAME, LIMITS);
  expect(group.path).toBe(join(dir.path, "paddock-1", NAME));
  expect(group.problems).toEqual([]);
  const files = ["memory.max", "cpu.weight", "cpuset.cpus", "pids.max"].map((name) => read(group.path, name));
  expect(files).toEqual([String(1 << 30), "4", "1,2", "514"]);
  writeFileSync(group.procsFd, "0\n");
  closeGroup(group);
  expect(read(group.path, "cgroup.procs")).toBe("0\n");
});

test("only limits of controllers that were handed down are written, and the missing ones are named", async () => {
  await using dir = tempDir();
  const tree = groupTree(dir.path);
  tree.group("/", { controllers: "memory pids rdma" });
  const result = openCgroups(tree.source("/"), "paddock-1");
  if (result.cgroups === null) throw new Error(result.reason);
  expect(result.missing).toEqual(["cpu", "cpuset"]);
  const group = result.cgroups.create(NAME, LIMITS);
  closeGroup(group);
  expect(readdirSync(group.path).toSorted()).toEqual(["cgroup.procs", "memory.max", "pids.max"]);
});

test("where no group can be made the reason is told", async () => {
  await using dir = tempDir();
  const cgroups = opened(dir.path);
  // A file in its place refuses as the kernel does at its limit of groups.
  writeFileSync(join(cgroups.home, NAME), "");
  expect(() => cgroups.create(NAME, LIMITS)).toThrow(/^no control group: /);
});

test("a hierarchy without our controllers is not used, and nothing is made in it", async () => {
  await using dir = tempDir();
  const tree = groupTree(dir.path);
  tree.group("/", { controllers: "" });
  const before = readdirSync(dir.path);
  expect(openCgroups(tree.source("/"), "paddock-1")).toEqual({
    cgroups: null,
    reason: `cgroup v2 at ${dir.path} has none of the controllers memory, cpu, cpuset, pids`,
  });
  expect(readdirSync(dir.path)).toEqual(before);
});

test("an agent that has to leave its group goes into a leaf of it", async () => {
  await using dir = tempDir();
  const tree = groupTree(dir.path);
  tree.group("/", { given: false });
  const own = tree.group("/run-1.scope");
  expect(openCgroups(tree.source("/run-1.scope"), "paddock-1").cgroups?.home).toBe(join(own, "paddock-1"));
  expect(read(own, "agent", "cgroup.procs")).toBe("0");
});

test("groups of no known machine are swept, those with something in them are told, others' names are left alone", async () => {
  await using dir = tempDir();
  const cgroups = opened(dir.path);
  const [known, ended, busy] = [1, 2, 3].map((digit) => machineCgroup(`${digit}`.repeat(8), "vm", 2)) as [
    string,
    string,
    string,
  ];
  for (const name of [known, ended, busy, "somebody"]) mkdirSync(join(cgroups.home, name));
  writeFileSync(join(cgroups.home, busy, "process"), "");
  expect(cgroups.sweep(new Set([known]))).toEqual([join(cgroups.home, busy)]);
  const left = readdirSync(cgroups.home).filter((name) => !name.startsWith("cgroup."));
  expect(left.toSorted()).toEqual([known, busy, "somebody"].toSorted());
});

test("a group goes once its last process has, and one that is gone is no trouble", async () => {
  await using dir = tempDir();
  const cgroups = opened(dir.path);
  const path = join(cgroups.home, NAME);
  mkdirSync(path);
  writeFileSync(join(path, "process"), "");
  const removed = cgroups.remove(path);
  rmSync(join(path, "process"));
  expect(await removed).toBe(true);
  expect(await cgroups.remove(path)).toBe(true);
  expect(cgroups.locate(NAME, null)).toBeNull();
});

test("the kernel's counters are read, and what it does not count is null", async () => {
  await using dir = tempDir();
  const path = dir.file("group");
  expect(readNumbers(path)).toBeNull();
  mkdirSync(path);
  writeFileSync(join(path, "cpu.stat"), "usage_usec 1234567\nuser_usec 1\n");
  const nothing = { memoryMax: null, memoryPeak: null, limitHits: null, oomKills: null };
  expect(readNumbers(path)).toEqual({ ...nothing, cpuMillis: 1235 });
  writeFileSync(join(path, "memory.events"), "low 0\nhigh 0\nmax 18\noom 3\noom_kill 1\noom_group_kill 0\n");
  writeFileSync(join(path, "memory.max"), "4194304\n");
  writeFileSync(join(path, "memory.peak"), "4190208\n");
  expect(readNumbers(path)).toEqual({
    memoryMax: 4_194_304,
    memoryPeak: 4_190_208,
    limitHits: 3,
    oomKills: 1,
    cpuMillis: 1235,
  });
  writeFileSync(join(path, "memory.max"), "max\n");
  expect(readNumbers(path)?.memoryMax).toBeNull();
});

test("agents of two data directories have groups of their own, and a machine has another one for each start", () => {
  const dirs = (dataDir: string) => ({ dataDir, runDir: "/run/p" });
  expect(agentCgroup(dirs("/a"))).not.toBe(agentCgroup(dirs("/b")));
  expect(agentCgroup(dirs("/a"))).toMatch(/^paddock-[0-9a-f]{8}$/);
  expect(NAME).toMatch(/^0a1b2c3d-[0-9a-f]{4}\.1$/);
  expect([NAME, "paddock-1", "x.1", `${NAME}/..`].map(isMachineCgroupName)).toEqual([true, false, false, false]);
});
