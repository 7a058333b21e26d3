import { expect, test } from "bun:test";
import { readBlockStats, readVcpuThreads } from "../../../src/qmp/statistics.ts";

const drive = (change: object = {}, stats: object = {}) => ({
  ...{ device: "image0", qdev: "/machine/peripheral-anon/device[1]", "node-name": "#block197" },
  ...change,
  stats: {
    ...{ rd_bytes: 1, wr_bytes: 2, rd_operations: 3, wr_operations: 4, flush_operations: 5 },
    ...{ failed_rd_operations: 6, failed_wr_operations: 7, ...stats },
  },
});

test("the counters of a drive are read under its name", () => {
  const numbers = { readBytes: 1, writtenBytes: 2, reads: 3, writes: 4, flushes: 5, readErrors: 6, writeErrors: 7 };
  expect(readBlockStats([drive()])).toEqual([{ name: "image0", ...numbers }]);
  expect(readBlockStats([drive({ device: "" })])[0]?.name).toBe("/machine/peripheral-anon/device[1]");
});

test("a drive without a medium, and what is no drive, is passed over", () => {
  const { "node-name": _, ...empty } = drive();
  expect(readBlockStats([empty, null, 5, "x", [], { stats: null }, drive({ stats: 1 })])).toHaveLength(1);
});

test("what is no count is none", () => {
  for (const bad of [-1, 0.5, 1e300, "5", null, {}, undefined]) {
    expect(readBlockStats([drive({}, { rd_bytes: bad })])[0]).toMatchObject({ readBytes: 0, writtenBytes: 2 });
  }
});

test("names of a hostile QEMU are bounded, printable and no two alike", () => {
  const hostile = ["\u001b[2J", "a b", "a\nb", "", "x".repeat(1000), 'a"b'];
  const names = readBlockStats(
    [...hostile, "image0", "image0"].map((device) => drive({ device, qdev: 5, "node-name": "ö" })),
  ).map(({ name }) => name);
  expect(names).toEqual(["drive0", "drive1", "drive2", "drive3", "x".repeat(64), 'a"b', "image0"]);
  const crowd = Array.from({ length: 1000 }, (_, at) => drive({ device: `d${at}` }));
  expect(readBlockStats(crowd)).toHaveLength(64);
});

test("threads of processors are read, each processor once", () => {
  const vcpu = (index: unknown, thread: unknown) => ({ "cpu-index": index, "thread-id": thread, target: "x86_64" });
  expect(readVcpuThreads([vcpu(0, 10), vcpu(1, 11), vcpu(1, 12), vcpu("2", 13), vcpu(3, -1), null])).toEqual([
    { index: 0, threadId: 10 },
    { index: 1, threadId: 12 },
  ]);
});

test("an answer that is no list is refused", () => {
  for (const answer of [null, {}, "[]", 5]) {
    expect(() => readBlockStats(answer)).toThrow("query-blockstats: QEMU's answer is not of the form");
    expect(() => readVcpuThreads(answer)).toThrow("query-cpus-fast: QEMU's answer is not of the form");
  }
});
