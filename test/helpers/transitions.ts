import type { MachineEffect } from "../../src/allocation/effect.ts";
import type { Ending } from "../../src/allocation/ending.ts";
import type { StopOrder } from "../../src/allocation/ladder.ts";
import type { MachineEvent, MachineEventKind, MachineState, MachineStateKind } from "../../src/allocation/machine.ts";

const identity = { bootId: "boot", pid: 42, startTime: 1000 };
export const order: StopOrder = {
  cause: "job stopped",
  requestedAt: 100,
  graceful: true,
  shutdownDelay: 0,
  killTimeout: 5000,
};
export const ending: Ending = {
  reason: "guest-shutdown",
  failed: false,
  exitCode: 0,
  signal: 0,
  at: 200,
  message: "the guest powered off",
  hint: null,
  stop: null,
};
/** What a policy decides that lets the end of a machine stand. */
export const stay = { kind: "stay", failed: false, reason: "Task completed" } as const;
/** What a policy decides that has a machine start again. */
export const again = {
  kind: "restart",
  delay: 15_000,
  reason: "Restart within policy",
  window: { startedAt: 200, count: 1 },
} as const;
const live = { generation: 1, identity, startedAt: 50, guest: "running", shutdown: null, adopted: false };

/** A machine in each state. */
export const states: { readonly [K in MachineStateKind]: Extract<MachineState, { kind: K }> } = {
  pending: { kind: "pending" },
  preparing: { kind: "preparing", generation: 1, cancelled: null },
  starting: { kind: "starting", generation: 1, since: 40, stop: null },
  running: { kind: "running", ...live },
  stopping: { kind: "stopping", ...live, order, tries: [] },
  backoff: { kind: "backoff", generation: 1, ending, until: 100 },
  ended: { kind: "ended", generation: 1, ending, failed: false },
};

/** An event of each kind, for the first start of those machines. */
export const events: { readonly [K in MachineEventKind]: Extract<MachineEvent, { kind: K }> } = {
  begin: { kind: "begin", at: 100 },
  prepared: { kind: "prepared", at: 100 },
  prepare_failed: {
    kind: "prepare_failed",
    at: 100,
    ending: { ...ending, reason: "not-started", failed: true },
    next: stay,
  },
  spawned: { kind: "spawned", at: 100, identity },
  start_failed: {
    kind: "start_failed",
    at: 100,
    ending: { ...ending, reason: "not-started", failed: true },
    next: stay,
  },
  adopted: { kind: "adopted", at: 100, identity },
  guest_status: { kind: "guest_status", at: 100, status: "paused" },
  shutdown_seen: { kind: "shutdown_seen", at: 100, reason: "guest-shutdown" },
  stop_requested: { kind: "stop_requested", at: 100, order },
  restart_requested: {
    kind: "restart_requested",
    at: 100,
    order: { ...order, cause: "restart requested" },
  },
  unhealthy: {
    kind: "unhealthy",
    at: 100,
    generation: 1,
    order: { ...order, cause: "unhealthy" },
    reason: 'healthcheck: check "web" unhealthy',
  },
  tick: { kind: "tick", at: 100 },
  rung_answered: { kind: "rung_answered", at: 100, rung: "powerdown", answer: { words: "accepted", accepted: true } },
  gone: { kind: "gone", at: 200, ending, next: stay },
};

export function kinds(effects: readonly MachineEffect[]): string[] {
  return effects.map((effect) => effect.kind);
}
