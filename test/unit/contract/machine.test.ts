import { expect, test } from "bun:test";
import * as v from "valibot";
import { ExplainSchema, ReceiptSchema, writeExplain, writeReceipt } from "../../../src/contract/machine.ts";
import { CRASHED, GRACEFUL, PLAN, RECORD_TIME } from "../../helpers/records.ts";

test("a receipt tells the stop with all its times in nanoseconds", () => {
  const receipt = writeReceipt("1f6a0b1c-0000-4000-8000-000000000001", "vm", GRACEFUL);
  expect(v.parse(ReceiptSchema, receipt)).toEqual(receipt);
  expect(receipt).toEqual({
    AllocID: "1f6a0b1c-0000-4000-8000-000000000001",
    Task: "vm",
    Reason: "guest-shutdown",
    Failed: false,
    ExitCode: 0,
    Signal: 0,
    At: (RECORD_TIME + 3_250) * 1e6,
    Message: "the guest powered off",
    Hint: null,
    Cgroup: null,
    Stop: {
      Cause: "job stopped",
      RequestedAt: (RECORD_TIME + 2_000) * 1e6,
      Graceful: true,
      ShutdownDelay: 0,
      KillTimeout: 5_000_000_000,
      Force: null,
      Rung: "powerdown",
      Took: 1_250_000_000,
      Tries: [{ Rung: "powerdown", At: (RECORD_TIME + 2_001) * 1e6, Answer: "accepted" }],
    },
  });
});

test("a machine that ended by itself has a receipt without a stop", () => {
  const receipt = writeReceipt("a", "vm", { ...CRASHED, exitCode: null });
  expect(v.parse(ReceiptSchema, receipt)).toEqual(receipt);
  expect(receipt).toMatchObject({
    Stop: null,
    ExitCode: null,
    Signal: 11,
    Failed: true,
    Hint: "look at the kernel log",
  });
});

test("times between two milliseconds become whole nanoseconds", () => {
  const stop = GRACEFUL.stop && { ...GRACEFUL.stop, took: 1.000_000_4 };
  expect(writeReceipt("a", "vm", { ...GRACEFUL, stop }).Stop?.Took).toBe(1_000_000);
});

test("an explained command line says of every word where it comes from, and nothing of the environment", () => {
  const explained = writeExplain(PLAN);
  expect(v.parse(ExplainSchema, explained)).toEqual(explained);
  expect(explained.Argv.map(({ Origin }) => Origin)).toEqual([
    { Kind: "emulator" },
    { Kind: "job", Attribute: "resources.memory" },
    { Kind: "paddock", Why: "no device but those asked for" },
    { Kind: "args", Index: 0 },
    { Kind: "args", Index: 1, Note: "was -nographic" },
  ]);
  expect(explained.Forwards).toEqual([
    { Label: "http", Protocol: "tcp", HostAddress: "", HostPort: 25_001, GuestPort: 80 },
  ]);
  expect(explained.Warnings).toEqual(["-nodefconfig was dropped"]);
  expect(JSON.stringify(explained)).not.toContain("secret-home");
});

test("what a machine was started as is its user, null for the agent's own, as in plans of agents that knew no other", () => {
  expect(writeExplain({ ...PLAN, user: { uid: 80_001, gid: 36 } }).User).toEqual({ Uid: 80_001, Gid: 36 });
  expect(writeExplain({ ...PLAN, user: null }).User).toBeNull();
  const { user: _, ...former } = { ...PLAN, user: null };
  expect(writeExplain(former).User).toBeNull();
});
