import { describe, expect, test } from "bun:test";
import { linesAbout, readKernelWords } from "../../../src/supervisor/kernel-log.ts";

describe("lines of the kernel's log about a process", () => {
  const oom = "Out of memory: Killed process 1234 (qemu-system-x86) total-vm:1kB";

  test("are those that name its pid, by the kernel, since its start", () => {
    const records = [
      `6,1,50000000,-;${oom} of an earlier life`,
      "6,2,100000001,-;[   1234]     0  1234   130    200     45056        0             0 qemu-system-x86",
      `6,3,100000002,-;oom-kill:constraint=CONSTRAINT_NONE,task=qemu-system-x86,pid=1234,uid=0\n SUBSYSTEM=x\n`,
      `3,4,100000003,-;${oom}`,
      `14,5,100000004,-;${oom} says a program`,
      "6,6,100000005,-;qemu[12345]: segfault at 0 ip 0000000012340000 sp 1.1234",
      "6,7,100000006,-;qemu[1234]: segfault at 0",
      "6,8,100000007,-;cache hash table entries: 1234 (order: 3, 1234 bytes)",
      "junk",
    ];
    expect(linesAbout(records, 1234, 99)).toEqual([
      "oom-kill:constraint=CONSTRAINT_NONE,task=qemu-system-x86,pid=1234,uid=0",
      oom,
      "qemu[1234]: segfault at 0",
    ]);
  });

  test("are few and short", () => {
    const records = Array.from({ length: 99 }, (_, at) => `6,${at},1,-;pid 7 ${at} ${"x".repeat(9000)}`);
    const lines = linesAbout(records, 7, 0);
    expect(lines).toHaveLength(10);
    expect(Math.max(...lines.map(({ length }) => length))).toBe(400);
  });
});

test("the log of this host is read without waiting, or it is said why not", () => {
  const { lines, unread } = readKernelWords({ pid: 4_194_304, startTime: 0 });
  expect(lines).toEqual([]);
  if (unread !== null) expect(unread).toMatch(/may not read|^E[A-Z]+$/);
});
