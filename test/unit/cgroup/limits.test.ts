import { expect, test } from "bun:test";
import { controlFiles, cpuWeight } from "../../../src/cgroup/limits.ts";

test("MHz become a weight as CPU shares do, from end to end of both ranges", () => {
  for (const [mhz, weight] of [
    [1, 1],
    [2, 1],
    [100, 4],
    [1024, 39],
    [262_144, 10_000],
    [1e9, 10_000],
  ] as const) {
    expect([mhz, cpuWeight(mhz)]).toEqual([mhz, weight]);
  }
});

test("limits are written into the kernel's files, cores only where a machine is bound to some", () => {
  const limits = { memoryMax: 5 << 20, guestMemory: 1 << 20, cpuWeight: 7, cores: [], pidsMax: 99 };
  const files = (more: object) => controlFiles({ ...limits, ...more }).map(({ file, value }) => `${file}=${value}`);
  expect(files({})).toEqual(["memory.max=5242880", "cpu.weight=7", "pids.max=99"]);
  expect(files({ memoryMax: null, cores: [0, 3] })).toEqual([
    "memory.max=max",
    "cpu.weight=7",
    "pids.max=99",
    "cpuset.cpus=0,3",
  ]);
});
