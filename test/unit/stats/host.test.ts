import { expect, test } from "bun:test";
import { findMountPoint, parseCpuTicks, parseMemory, readHost } from "../../../src/stats/host.ts";
import { cpuBetween, hostCpuBetween } from "../../../src/stats/usage.ts";

const STAT = "cpu  9 9 9 9\ncpu0 10 5 20 100 5 1 2 3 7 0\ncpu1 0 0 0 0\nintr 5 5\ncpu2 x\n";

test("processors are read from /proc/stat, the sum of all left out", () => {
  expect(parseCpuTicks(STAT)).toEqual([
    { name: "cpu0", user: 15, system: 23, idle: 105, total: 146 },
    { name: "cpu1", user: 0, system: 0, idle: 0, total: 0 },
  ]);
  expect(parseCpuTicks("")).toEqual([]);
});

test("what a processor did between two looks is in percent, and counters that step back are nothing", () => {
  const at = (user: number, idle: number) => [{ name: "cpu0", user, system: 0, idle, total: user + idle }];
  expect(hostCpuBetween(at(100, 100), at(125, 175))).toEqual([{ name: "cpu0", user: 25, system: 0, idle: 75 }]);
  expect(hostCpuBetween(at(100, 100), at(100, 100))).toEqual([{ name: "cpu0", user: 0, system: 0, idle: 100 }]);
  expect(hostCpuBetween(at(100, 100), at(220, 90))).toEqual([{ name: "cpu0", user: 100, system: 0, idle: 0 }]);
  expect(hostCpuBetween([], at(1, 1))).toEqual([{ name: "cpu0", user: 0, system: 0, idle: 100 }]);
});

test("a process that had two processors for a second took 200 percent", () => {
  const time = (user: number, system: number) => ({ user, system, startTime: 1 });
  expect(cpuBetween(time(1, 1), time(2.5, 1.5), 1000)).toEqual({ userPercent: 150, systemPercent: 50, seconds: 4 });
  expect(cpuBetween(time(0, 0), time(0.1, 0.2), 1000).seconds).toBe(0.3);
  expect(cpuBetween(time(1, 1), time(2, 1), 0)).toEqual({ userPercent: 0, systemPercent: 0, seconds: 3 });
  expect(cpuBetween(time(2, 1), time(1, 1), 1000)).toMatchObject({ userPercent: 0 });
});

test("memory is read from /proc/meminfo", () => {
  const text = "MemTotal:       16 kB\nMemFree:         4 kB\nMemAvailable:    8 kB\n";
  expect(parseMemory(text)).toEqual({ total: 16_384, available: 8192, free: 4096 });
  expect(parseMemory("")).toEqual({ total: 0, available: 0, free: 0 });
});

test("a directory belongs to the mount that is nearest to it", () => {
  const mounts = "a / ext4 rw\nb /var ext4 rw\nc /var/lib\\040x tmpfs rw\n\nd\n";
  expect(findMountPoint(mounts, "/var/lib x/paddock")).toBe("/var/lib x");
  expect(findMountPoint(mounts, "/var/library")).toBe("/var");
  expect(findMountPoint(mounts, "/variable")).toBe("/");
  expect(findMountPoint("", "/x")).toBe("/");
});

test("this host is read", () => {
  const host = readHost("/");
  expect(host.cpus.length).toBeGreaterThan(0);
  expect(host.memory.available).toBeLessThanOrEqual(host.memory.total);
  expect(host.disk).toMatchObject({ mountPoint: "/" });
  expect(host.disk.size).toBeGreaterThan(host.disk.used);
  expect(host.uptime).toBeGreaterThan(0);
});
