import { describe, expect, test } from "bun:test";
import type { Ending } from "../../../src/allocation/ending.ts";
import { decideRestart, type RestartCase, type RestartRule } from "../../../src/allocation/restart.ts";

const MINUTE = 60_000;
/** Nomad's default of services: 2 attempts in 30 minutes, 15 s apart. */
const service: RestartRule = { attempts: 2, interval: 30 * MINUTE, delay: 15_000, mode: "fail", onSuccess: true };
const batch: RestartRule = { ...service, attempts: 3, onSuccess: false };

const crash: Ending = {
  reason: "killed",
  failed: true,
  exitCode: 139,
  signal: 11,
  at: 0,
  message: "QEMU was killed by SIGSEGV",
  hint: null,
  stop: null,
};
const powerOff: Ending = { ...crash, reason: "guest-shutdown", failed: false, exitCode: 0, signal: 0 };
const at = (now: number, more: Partial<RestartCase> = {}): RestartCase => ({
  ending: crash,
  recoverable: true,
  window: null,
  now,
  random: 0,
  ...more,
});

describe("a service", () => {
  test("starts again after its delay, counted from the first restart of an interval", () => {
    const first = decideRestart(service, at(1000));
    expect(first).toEqual({
      kind: "restart",
      delay: 15_000,
      reason: "Restart within policy",
      window: { startedAt: 1000, count: 1 },
    });
  });

  test("starts again although it ended well", () => {
    expect(decideRestart(service, at(1000, { ending: powerOff })).kind).toBe("restart");
  });

  test("gives up after its attempts, with Nomad's reason", () => {
    expect(decideRestart(service, at(2000, { window: { startedAt: 1000, count: 2 } }))).toEqual({
      kind: "stay",
      failed: true,
      reason: 'Exceeded allowed attempts 2 in interval 30m0s and mode is "fail"',
    });
  });

  test("counts anew when the interval is over", () => {
    const now = 1000 + 30 * MINUTE;
    expect(decideRestart(service, at(now, { window: { startedAt: 1000, count: 2 } })).kind).toBe("stay");
    expect(decideRestart(service, at(now + 1, { window: { startedAt: 1000, count: 2 } }))).toMatchObject({
      kind: "restart",
      window: { startedAt: now + 1, count: 1 },
    });
  });

  test("waits for the next interval in mode delay", () => {
    const rule: RestartRule = { ...service, mode: "delay" };
    expect(decideRestart(rule, at(61_000, { window: { startedAt: 1000, count: 2 } }))).toMatchObject({
      kind: "restart",
      delay: 29 * MINUTE,
      reason: 'Exceeded allowed attempts 2 in interval 30m0s and mode is "delay"',
    });
  });

  test("adds a quarter of the delay at random at most", () => {
    expect(decideRestart(service, at(0, { random: 1 }))).toMatchObject({ delay: 18_750 });
  });

  test("does not start again what would be refused again", () => {
    expect(decideRestart(service, at(0, { recoverable: false }))).toEqual({
      kind: "stay",
      failed: true,
      reason: "Error was unrecoverable",
    });
  });

  test("stays down when its policy allows no restarts, failed only by a failure", () => {
    const never = { ...service, attempts: 0 };
    expect(decideRestart(never, at(0))).toEqual({ kind: "stay", failed: true, reason: "Policy allows no restarts" });
    expect(decideRestart(never, at(0, { ending: powerOff }))).toMatchObject({ failed: false });
  });

  test("starts again at once and uncounted after the host was started anew", () => {
    const window = { startedAt: 1000, count: 2 };
    const ending: Ending = { ...crash, reason: "host-reboot", exitCode: null, signal: 0 };
    expect(decideRestart(service, at(2000, { ending, window }))).toMatchObject({ kind: "restart", delay: 0, window });
    expect(decideRestart({ ...service, attempts: 0 }, at(2000, { ending })).kind).toBe("restart");
  });
});

describe("a batch job", () => {
  test("is complete when it ended well", () => {
    expect(decideRestart(batch, at(0, { ending: powerOff }))).toEqual({
      kind: "stay",
      failed: false,
      reason: "Task completed",
    });
  });

  test("is tried again when it failed", () => {
    expect(decideRestart(batch, at(0)).kind).toBe("restart");
    expect(decideRestart(batch, at(1, { window: { startedAt: 0, count: 3 } }))).toMatchObject({
      kind: "stay",
      failed: true,
    });
  });
});
