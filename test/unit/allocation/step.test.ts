import { describe, expect, test } from "bun:test";
import { LINGER } from "../../../src/allocation/ladder.ts";
import {
  MACHINE_EVENTS,
  MACHINE_STATES,
  type MachineEventKind,
  type MachineState,
  type MachineStateKind,
} from "../../../src/allocation/machine.ts";
import { ignoredBecause, step } from "../../../src/allocation/step.ts";
import { events, kinds, states } from "../../helpers/transitions.ts";

/** Where each pair leads: a state's name, `-` for ignored with a reason, `!` for a fault of the program. */
const TABLE: Record<MachineStateKind, Record<MachineEventKind, MachineStateKind | "-" | "!">> = {
  pending: row("preparing ! ! ! ! ! ! ! ended - - - ! !"),
  preparing: row("preparing starting ended ! ! ! ! ! preparing - - - ! !"),
  starting: row("preparing ! ! running ended running ! ! starting starting - - ! ended"),
  running: row("! ! ! ! ! running running running stopping stopping stopping running ! ended"),
  stopping: row("! ! ! ! ! stopping stopping stopping stopping stopping - stopping stopping ended"),
  backoff: row("preparing ! ! ! ! ! - - ended preparing - preparing - -"),
  ended: row("! ! ! ! ! ! - - - - - - - -"),
};

function row(cells: string): Record<MachineEventKind, MachineStateKind | "-" | "!"> {
  const words = cells.split(" ");
  return Object.fromEntries(MACHINE_EVENTS.map((event, index) => [event, words[index]])) as never;
}

describe("every pair of state and event", () => {
  for (const state of MACHINE_STATES) {
    for (const event of MACHINE_EVENTS) {
      const expected = TABLE[state][event];
      test(`${state} + ${event} → ${expected}`, () => {
        if (expected === "!") {
          expect(() => step(states[state], events[event])).toThrow(
            `machine in state ${state} cannot take event ${event}`,
          );
          return;
        }
        const result = step(states[state], events[event]);
        if (expected === "-") {
          expect(result).toEqual({ state: states[state], effects: [] });
          expect(ignoredBecause(state, event)?.length).toBeGreaterThan(10);
        } else {
          expect(result.state.kind).toBe(expected);
          expect(ignoredBecause(state, event)).toBeUndefined();
        }
      });
    }
  }
});

test("an adopted machine whose guest has shut down is told to quit when its time is over", () => {
  const shut: MachineState = { ...states.running, shutdown: { reason: "guest-shutdown", at: 90 } };
  const { state, effects } = step(shut, events.adopted);
  expect(kinds(effects)).toEqual(["watch", "wake"]);
  expect(step(state, { kind: "tick", at: 90 + LINGER }).state.kind).toBe("stopping");
});

test("a QEMU that lives on after the guest shut down is told to quit", () => {
  const seen = step(states.running, events.shutdown_seen);
  expect(seen.effects).toEqual([{ kind: "wake", at: 1100 }]);
  const stopping = step(seen.state, { kind: "tick", at: 1100 });
  expect(stopping.state).toMatchObject({ kind: "stopping", order: { cause: "guest shut down", graceful: false } });
});

test("the first reason of a shutdown stays", () => {
  const first = step(states.running, events.shutdown_seen);
  expect(step(first.state, { ...events.shutdown_seen, reason: "host-signal" }).state).toMatchObject({
    shutdown: { reason: "guest-shutdown", at: 100 },
  });
});
