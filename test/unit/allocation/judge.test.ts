import { describe, expect, test } from "bun:test";
import type { Evidence, KernelWords } from "../../../src/allocation/evidence.ts";
import { isRefusal, judgeEnding } from "../../../src/allocation/judge.ts";
import { signalName } from "../../../src/allocation/verdict-text.ts";

const nothing: Evidence = { journal: [], exitStatus: null, stderr: "", rebooted: false };
const shutdown = (reason: string) => ({ name: "SHUTDOWN", at: 1, data: { guest: true, reason } });
const panicked = (action: string) => ({ name: "GUEST_PANICKED", at: 1, data: { action } });
const event = (name: string) => ({ name, at: 1, data: {} });

const counted = (more: object) => ({
  cgroup: { memoryMax: 1 << 20, memoryPeak: 1 << 20, limitHits: 0, oomKills: 0, cpuMillis: 5, ...more },
});

describe("judging an end", () => {
  const cases: [string, Partial<Evidence>, string, boolean][] = [
    [
      "a power-off by the guest",
      { journal: [event("POWERDOWN"), shutdown("guest-shutdown")], exitStatus: 0 },
      "guest-shutdown",
      false,
    ],
    ["a reset under -no-reboot", { journal: [shutdown("guest-reset")], exitStatus: 0 }, "guest-reset", false],
    [
      "a panic, although QEMU exits 0",
      { journal: [event("GUEST_PANICKED"), shutdown("guest-panic")], exitStatus: 0 },
      "guest-panic",
      true,
    ],
    ["SIGTERM from the host", { journal: [shutdown("host-signal")], exitStatus: 0 }, "host-signal", false],
    ["quit by the monitor", { journal: [shutdown("host-qmp-quit")], exitStatus: 0 }, "host-qmp-quit", false],
    ["SIGKILL, which leaves no event", { exitStatus: 137 }, "killed", true],
    ["a SIGKILL that the kernel did not send", { exitStatus: 137, ...counted({}) }, "killed", true],
    ["a want of memory", { exitStatus: 137, ...counted({ limitHits: 3, oomKills: 1 }) }, "oom", true],
    ["a want of memory that took the wrapper too", counted({ limitHits: 3, oomKills: 2 }), "oom", true],
    [
      "a want of memory after the guest had shut down",
      { journal: [shutdown("guest-shutdown")], exitStatus: 137, ...counted({ oomKills: 1 }) },
      "guest-shutdown",
      true,
    ],
    [
      "a bad argument after a kill of something else",
      { exitStatus: 1, ...counted({ oomKills: 1 }) },
      "qemu-error",
      true,
    ],
    ["a crash of QEMU", { exitStatus: 139 }, "qemu-crash", true],
    ["an assertion of QEMU's", { exitStatus: 134 }, "qemu-crash", true],
    ["a system call that the sandbox forbids", { exitStatus: 159 }, "qemu-crash", true],
    ["a crash kernel that was loaded, which is no panic", { journal: [event("GUEST_CRASHLOADED")] }, "lost", true],
    [
      "a signal to a QEMU that held a panicked guest: the first cause",
      { journal: [panicked("pause"), shutdown("host-signal")], exitStatus: 0 },
      "guest-panic",
      true,
    ],
    [
      "SIGKILL to a QEMU that held a panicked guest",
      { journal: [panicked("pause")], exitStatus: 137 },
      "guest-panic",
      true,
    ],
    [
      "a panic that -no-reboot made an end",
      { journal: [panicked("run"), shutdown("guest-reset")], exitStatus: 0 },
      "guest-panic",
      true,
    ],
    [
      "a panic that a reboot got over",
      { journal: [panicked("run"), event("RESET"), shutdown("guest-shutdown")], exitStatus: 0 },
      "guest-shutdown",
      false,
    ],
    [
      "a power-off after a panic, as by a crash kernel",
      { journal: [panicked("run"), shutdown("guest-shutdown")], exitStatus: 0 },
      "guest-shutdown",
      false,
    ],
    ["a bad argument", { exitStatus: 1, stderr: "qemu: -foo: invalid option\n" }, "qemu-error", true],
    [
      "a power-off whose exit status nobody lived to write",
      { journal: [shutdown("guest-shutdown")] },
      "guest-shutdown",
      false,
    ],
    ["wrapper and QEMU both killed", {}, "lost", true],
    ["a reboot of the host", { rebooted: true }, "host-reboot", true],
    [
      "a power-off before the host was rebooted",
      { rebooted: true, journal: [shutdown("guest-shutdown")] },
      "guest-shutdown",
      false,
    ],
    [
      "quit after the guest had shut down: the first cause",
      { journal: [shutdown("guest-shutdown"), shutdown("host-qmp-quit")] },
      "guest-shutdown",
      false,
    ],
    [
      "a shutdown that was undone by a reset",
      { journal: [shutdown("guest-shutdown"), event("RESET"), shutdown("host-signal")] },
      "host-signal",
      false,
    ],
    [
      "SHUTDOWN with data of a forger",
      { journal: [{ name: "SHUTDOWN", at: 1, data: { reason: { a: 1 } } }], exitStatus: 0 },
      "host-signal",
      false,
    ],
    [
      "SHUTDOWN with a cause that every object has as a member",
      { journal: [shutdown("constructor")], exitStatus: 0 },
      "host-signal",
      false,
    ],
  ];
  for (const [name, evidence, reason, failed] of cases) {
    test(`${name} is ${reason}`, () => {
      expect(judgeEnding({ ...nothing, ...evidence }, 7)).toMatchObject({ reason, failed, at: 7 });
    });
  }

  test("an image that somebody else writes to is told in words, since QEMU knows only a descriptor", () => {
    const stderr = 'qemu: Failed to get "write" lock\nIs another process using the image [/dev/fdset/1]?\n';
    expect(judgeEnding({ ...nothing, exitStatus: 1, stderr }, 1)).toMatchObject({
      reason: "qemu-error",
      message: "QEMU gave up: the image is in use by another process, which holds its write lock",
    });
  });

  test("an option that makes QEMU print and end is no riddle", () => {
    const { message, hint } = judgeEnding({ ...nothing, exitStatus: 0 }, 1);
    expect(message).toContain("without running a guest");
    expect(hint).toContain("-version");
  });

  test("a signal is named and numbered", () => {
    expect(judgeEnding({ ...nothing, exitStatus: 139 }, 1)).toMatchObject({
      signal: 11,
      exitCode: 139,
      message: "QEMU crashed by SIGSEGV",
    });
    expect(signalName(77)).toBe("signal 77");
  });

  test.each([
    ["qemu-system-x86_64: terminating on signal 15 from pid 123 (/usr/bin/bash)\n", "SIGTERM from pid 123 (bash)"],
    ["x: terminating on signal 1 from pid 7 (sshd: me [priv])\nx: late words\n", "SIGHUP from pid 7 (sshd: me [priv])"],
    ["x: terminating on signal 2 from pid 9 (<unknown process>)", "SIGINT from pid 9 (<unknown process>)"],
    ["x: terminating on signal 2 from pid 0", "SIGINT"],
    ["x: terminating on signal 2\n", "SIGINT"],
    [
      `x: terminating on signal 15 from pid 5 (\u001b[2J${"y".repeat(300)})`,
      `SIGTERM from pid 5 (\\x1b[2J${"y".repeat(56)})`,
    ],
    [`x: terminating on signal 15 from pid 5 (${"y".repeat(9000)}`, "SIGTERM from pid 5"],
  ])("who sent a signal is read from %j", (stderr, words) => {
    const { message } = judgeEnding({ ...nothing, journal: [shutdown("host-signal")], exitStatus: 0, stderr }, 1);
    expect(message).toBe(`QEMU was ended by ${words}`);
  });

  test("a signal of which QEMU said nothing is told without its name", () => {
    const { message } = judgeEnding({ ...nothing, journal: [shutdown("host-signal")], exitStatus: 0 }, 1);
    expect(message).toBe("QEMU was ended by a signal of the host");
  });

  test.each<[object, string]>([
    [{ type: "hyper-v", arg1: 0xd1, arg2: 1 }, "the guest's kernel panicked (bug check 0xd1)"],
    [{ type: "s390", reason: "\u001bdisabled-wait" }, "the guest's kernel panicked (\\x1bdisabled-wait)"],
    [{ type: "hyper-v", arg1: "forged" }, "the guest's kernel panicked"],
    [[], "the guest's kernel panicked"],
  ])("what a guest says of its panic is told: %j", (info, message) => {
    const journal = [{ name: "GUEST_PANICKED", at: 1, data: { action: "poweroff", info } }, shutdown("guest-panic")];
    expect(judgeEnding({ ...nothing, journal, exitStatus: 0 }, 1).message).toBe(message);
  });

  test.each<[KernelWords | undefined, string, string, string]>([
    [
      { lines: ["Out of memory: Killed process 42 (qemu-system-x86) total-vm:1kB"], unread: null },
      "oom",
      "the kernel killed QEMU for want of memory",
      "need more memory than the host has",
    ],
    [{ lines: [], unread: null }, "killed", "QEMU was killed by SIGKILL", "somebody sent SIGKILL"],
    [{ lines: [], unread: "EPERM" }, "killed", "QEMU was killed by SIGKILL", "if nobody sent SIGKILL"],
    [undefined, "killed", "QEMU was killed by SIGKILL", "if nobody sent SIGKILL"],
  ])("SIGKILL with the kernel's words %j", (kernel, reason, message, hint) => {
    const ending = judgeEnding({ ...nothing, exitStatus: 137, ...(kernel && { kernel }) }, 1);
    expect(ending).toMatchObject({ reason, message, hint: expect.stringContaining(hint) });
  });

  test("only what QEMU gave up before it ran a guest is a refusal", () => {
    const evidence = { ...nothing, exitStatus: 1 };
    const ending = judgeEnding(evidence, 1);
    expect(isRefusal(ending, evidence, false)).toBe(true);
    expect(isRefusal(ending, evidence, true)).toBe(false);
    expect(isRefusal(ending, { ...evidence, journal: [event("RESUME")] }, false)).toBe(false);
    expect(isRefusal(judgeEnding({ ...nothing, exitStatus: 139 }, 1), evidence, false)).toBe(false);
  });

  test("QEMU's last words are told with their control bytes made visible", () => {
    const { message } = judgeEnding({ ...nothing, exitStatus: 1, stderr: "warning: x\nqemu: \u001b[2Jbad disk\n" }, 1);
    expect(message).toBe("QEMU gave up with exit status 1: qemu: \\x1b[2Jbad disk");
  });
});

test("a want of memory says whose memory it was, and what to do", () => {
  const own = judgeEnding({ ...nothing, exitStatus: 137, ...counted({ limitHits: 1, oomKills: 1 }) }, 1);
  expect(own.message).toBe("the machine used more than its memory limit of 1 MiB and the kernel killed QEMU");
  expect(own.hint).toContain("resources.memory_max (MiB) raises it");
  const host = judgeEnding({ ...nothing, exitStatus: 137, ...counted({ oomKills: 1 }) }, 1);
  expect(host.message).toBe("the host ran out of memory and the kernel killed QEMU");
  expect(host.hint).toContain("more memory than the host has");
  expect(host.cgroup?.cpuMillis).toBe(5);
});

test("a SIGKILL without counters may have been the kernel's; with them it was not", () => {
  expect(judgeEnding({ ...nothing, exitStatus: 137 }, 1).hint).toContain("if nobody sent SIGKILL");
  expect(judgeEnding({ ...nothing, exitStatus: 137, ...counted({}) }, 1).hint).toContain("somebody sent SIGKILL");
  expect(judgeEnding({ ...nothing, exitStatus: 137, ...counted({ oomKills: null }) }, 1).hint).toContain("if nobody");
});
