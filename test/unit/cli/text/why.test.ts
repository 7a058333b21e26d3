import { describe, expect, test } from "bun:test";
import * as v from "valibot";
import type { Ending } from "../../../../src/allocation/ending.ts";
import type { MachineState } from "../../../../src/allocation/machine.ts";
import type { PostMortem } from "../../../../src/allocation/post-mortem.ts";
import { textOf } from "../../../../src/cli/terminal/style.ts";
import { describeWhy } from "../../../../src/cli/text/why.ts";
import { WhySchema } from "../../../../src/client/why.ts";
import { WhySchema as ContractSchema, type ToldWhy, writeWhy } from "../../../../src/contract/why.ts";
import type { LaunchPlan } from "../../../../src/qemu/launch.ts";
import {
  allocation,
  CRASH,
  CRASHED,
  ended,
  GRACEFUL,
  PLAN,
  RECORD_TIME,
  RUNNING,
  taskRecord,
} from "../../../helpers/records.ts";

const END: PostMortem = {
  ...CRASH,
  remains: {
    ...CRASH.remains,
    events: [
      ...CRASH.remains.events,
      { name: "RESET", at: RECORD_TIME - 40_000, data: '{"guest":true}' },
      { name: "STOP", at: RECORD_TIME - 30_000, data: "{}" },
    ],
    serial: "\u001b[31mred\u001b[0m login:\u0007\r\n\n\n\nlast",
  },
};

function tell(end: PostMortem | null, machine: MachineState, change: Partial<ToldWhy> = {}): string[] {
  const wire = writeWhy({
    allocation: allocation(),
    name: "vm",
    task: taskRecord(machine),
    ends: end === null ? [] : [end],
    end,
    plan: { ...PLAN, image: { path: "/images/a.img", format: "raw" }, qemu: "7.2.22" },
    history: [],
    artifacts: [],
    ...change,
  });
  expect(v.parse(ContractSchema, wire)).toEqual(wire);
  return describeWhy(v.parse(WhySchema, wire), { columns: 200, now: RECORD_TIME + 5_000 }).map((line) =>
    line.map(textOf).join(""),
  );
}

const verdict = (ending: Partial<Ending>, change: Partial<PostMortem> = {}): string[] =>
  tell({ ...END, ...change, ending: { ...CRASHED, ...ending } }, ended(CRASHED)).slice(0, 3);

test("a post-mortem begins with the verdict, what to do and what is next", () => {
  expect(verdict({})).toEqual([
    'job "web", task "vm": QEMU was killed by SIGSEGV, 1m0s after its start',
    "What to do   = look at the kernel log",
    "What is next = nothing, it stays so: Policy allows no restarts",
  ]);
  expect(verdict({ hint: null })[1]).toStartWith("What is next");
  expect(verdict({ message: "no image" }, { startedAt: 0, remains: null })[0]).toBe('job "web", task "vm": no image');
});

test("it goes on with facts, a timeline in which repetitions are one row, and the last words", () => {
  const text = tell(END, ended(CRASHED)).join("\n");
  expect(text).toContain("Exit         = signal 11 of pid 4242");
  expect(text).toContain("Image        = /images/a.img (raw)");
  expect(text).toContain("Versions     = QEMU 7.2.22, paddock 0.1.0, kernel 6.1.0");
  expect(text).toContain("Kernel's log = qemu[4242]: segfault at 0");
  expect(text).toMatch(
    /task {2}QEMU was started as pid 4242\n.*qemu {2}RESET \{"guest":true\} \(2 times until .*\)\n.*qemu {2}STOP\n.*end {3}the machine was gone/,
  );
  expect(text).toContain("  | red login:\\x07\n  | \n  | last");
  expect(text).toContain("  | qemu: bad");
  expect(text).toContain("/usr/bin/qemu-system-x86_64 -m -nodefaults -snapshot -display");
  expect(text).not.toContain("\u001b");
});

test("a stop is told with its cause, and its tries stand in the timeline", () => {
  expect(tell({ ...END, ending: GRACEFUL }, ended(GRACEFUL)).join("\n")).toContain(
    "Stopped      = job stopped: ended by ACPI power button after 1.3s",
  );
  expect(tell({ ...END, ending: GRACEFUL }, ended(GRACEFUL)).join("\n")).toContain("stop  ACPI power button: accepted");
});

test("an end that nobody watched says when it was found", () => {
  const remains = END.remains && { ...END.remains, watched: false };
  expect(tell({ ...END, remains }, ended(CRASHED)).join("\n")).toContain(", while no agent ran; found at ");
});

test("a kernel log that may not be read is said to be so, and the cgroup's numbers are shown", () => {
  const remains = END.remains && {
    ...END.remains,
    kernel: { lines: [], unread: "the agent's user may not read the kernel's log" },
  };
  const cgroup = { memoryMax: 2 << 20, memoryPeak: 1 << 20, limitHits: 0, oomKills: 0, cpuMillis: 5 };
  const text = tell({ ...END, ending: { ...CRASHED, cgroup }, remains }, ended(CRASHED)).join("\n");
  expect(text).toContain("Kernel's log = not read: the agent's user may not read the kernel's log");
  expect(text).toContain("Memory       = 1 MiB at most, limit 2 MiB");
});

describe("a machine that is not at its end", () => {
  const again = { restart: true, reason: "Restart within policy", delay: 15_000 };
  const waiting: MachineState = { kind: "backoff", generation: 1, ending: CRASHED, until: RECORD_TIME + 20_000 };

  test("and never was, says that it runs and no more", () => {
    const lines = tell(null, RUNNING);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/^job "web", task "vm": running, for .*, pid \d+ \(start 1\); it has not ended yet$/);
  });

  test("and has not begun, says so", () => {
    expect(tell(null, { kind: "pending" })).toEqual(['job "web", task "vm": pending; it has not ended yet']);
  });

  test("runs again: the earlier end is told behind that", () => {
    const lines = tell({ ...END, next: again }, { ...RUNNING, generation: 2 } as MachineState);
    expect(lines[0]).toEndWith("(start 2); this is how start 1 ended");
    expect(lines[2]).toContain("QEMU was killed by SIGSEGV");
    expect(lines).toContain("What is next = it was to start again after 15s: Restart within policy");
  });

  test("waits to start again: when is told", () => {
    expect(tell({ ...END, next: again }, waiting)).toContain(
      "What is next = it starts again in 15s: Restart within policy",
    );
  });

  test("was to start again and was stopped before", () => {
    expect(tell({ ...END, next: again }, ended(CRASHED))).toContain(
      "What is next = it was to start again after 15s: Restart within policy; it was stopped before",
    );
  });
});

test("other ends are listed with the way to them, which leads to this allocation and not to its job's newest", () => {
  const other = {
    ...END,
    generation: 2,
    ending: { ...CRASHED, reason: "killed", message: "QEMU was killed" },
  } as const;
  const lines = tell(END, ended(CRASHED), { ends: [other, END] });
  expect(lines.at(-2)).toMatch(/^ {2}2 {2}.* {2}killed {2}QEMU was killed$/);
  expect(lines.at(-1)).toBe("  paddock why -generation 2 1f6a0b1c/vm tells more");
});

test("a disk of its own is told with the image that it stands over", () => {
  const disk = { path: "/d/disk.qcow2", format: "qcow2", mode: "overlay", size: 20 * 2 ** 30 } as const;
  const base = { path: "/i/a.img", format: "raw" };
  const line = (image: NonNullable<LaunchPlan["image"]>): string | undefined =>
    tell(END, ended(CRASHED), { plan: { ...PLAN, image } }).find((text) => /^(Disk|Image)/.test(text));
  expect(line({ ...disk, base })).toBe("Disk         = /d/disk.qcow2 (overlay, 20 GiB) over /i/a.img (raw)");
  expect(line({ ...disk, path: "/d/disk.img", mode: "copy" })).toBe("Disk         = /d/disk.img (copy, qcow2, 20 GiB)");
  expect(line({ ...base, mode: "direct", size: 512 })).toBe("Image        = /i/a.img (raw, 512 B)");
});
