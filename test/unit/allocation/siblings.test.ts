import { describe, expect, test } from "bun:test";
import { type ClientStatus, clientStatus, isUp } from "../../../src/allocation/allocation.ts";
import type { StopOrder } from "../../../src/allocation/ladder.ts";
import { MACHINE_STATES, type MachineState } from "../../../src/allocation/machine.ts";
import { isToStayDown } from "../../../src/allocation/order.ts";
import { type GroupEnd, groupEnd, nextToStop } from "../../../src/allocation/siblings.ts";
import { step } from "../../../src/allocation/step.ts";
import { allocation, taskRecord } from "../../helpers/records.ts";
import { ending, events, order, states } from "../../helpers/transitions.ts";

const failed: MachineState = { ...states.ended, failed: true };
const lost: MachineState = { ...failed, ending: { ...ending, reason: "lost" } };
const group = (...machines: readonly MachineState[]) =>
  Object.fromEntries(machines.map((machine, at) => [`t${at}`, { machine }]));
const placed = (...machines: readonly MachineState[]) =>
  allocation({
    tasks: Object.fromEntries(machines.map((machine, at) => [`t${at}`, taskRecord(machine)])),
  });

const SIBLING: GroupEnd = { cause: "sibling task failed", task: "t0" };
const LEADER: GroupEnd = { cause: "leader task dead", task: "t0" };

describe("who takes the others of a group along", () => {
  for (const state of MACHINE_STATES) {
    const machine = states[state];
    test(`a task that is ${state} takes nobody along, unless it has led`, () => {
      expect(groupEnd(group(machine, states.running), undefined)).toBeNull();
      expect(groupEnd(group(machine, states.running), "t1")).toBeNull();
      expect(groupEnd(group(machine, states.running), "t0")).toEqual(state === "ended" ? LEADER : null);
    });
  }

  test("one that failed for good does", () => {
    expect(groupEnd(group(failed, states.running), undefined)).toEqual(SIBLING);
    expect(groupEnd(group(states.running, failed), undefined)).toEqual({ ...SIBLING, task: "t1" });
  });

  test("a leader that failed is a sibling that failed, as in Nomad", () => {
    expect(groupEnd(group(failed, states.running), "t0")).toEqual(SIBLING);
  });

  test("a leader that has ended counts before another one that failed", () => {
    expect(groupEnd(group(states.ended, failed, states.running), "t0")).toEqual(LEADER);
  });

  test("a leader that ended because of it does not count: the failure does", () => {
    const told = {
      ...ending,
      stop: { order: { ...order, cause: "sibling task failed" }, tries: [], rung: null, took: 1 },
    } as const;
    const lead: MachineState = { ...states.ended, ending: told };
    expect(groupEnd(group(lead, failed, states.running), "t0")).toEqual({ ...SIBLING, task: "t1" });
  });

  test("nor does one that waited to start again and was told not to", () => {
    const { state } = step(
      { ...states.backoff, ending: { ...ending, failed: true } },
      { ...events.stop_requested, order: { ...order, cause: "sibling task failed" } },
    );
    expect(groupEnd(group(state, failed, states.running), "t0")).toEqual({ ...SIBLING, task: "t1" });
  });

  test("a leader that the group has not leads nothing", () => {
    expect(groupEnd(group(states.ended, states.running), "gone")).toBeNull();
  });
});

describe("who is told to stop next", () => {
  for (const state of MACHINE_STATES) {
    test(`beside a task that is ${state}`, () => {
      const tasks = group(states[state], states.running, states.ended);
      const told = state === "stopping" || state === "ended";
      expect(nextToStop(tasks, undefined)).toEqual(told ? ["t1"] : ["t0", "t1"]);
      // It leads: the other one waits for its end.
      expect(nextToStop(tasks, "t0")).toEqual(state === "ended" ? ["t1"] : told ? [] : ["t0"]);
    });
  }

  const because = (cause: StopOrder["cause"]): StopOrder => ({ ...order, cause });
  const TOLD: readonly (readonly [string, MachineState, boolean])[] = [
    ["what is cancelled", { ...states.preparing, cancelled: order }, true],
    ["what is to stop once it is known", { ...states.starting, stop: order }, true],
    ["what is to start again once it is known", { ...states.starting, stop: because("restart requested") }, false],
    ["what starts again by command", { ...states.stopping, order: because("restart requested") }, false],
    ["what is unhealthy", { ...states.stopping, order: because("unhealthy") }, false],
    ["what is tidied up after its guest", { ...states.stopping, order: because("guest shut down") }, false],
    ["what is stopped for another's sake", { ...states.stopping, order: because("sibling task failed") }, true],
  ];
  for (const [what, machine, told] of TOLD) {
    test(`${what} ${told ? "stays down already" : "is told, too"}`, () => {
      expect(isToStayDown(machine)).toBe(told);
      expect(nextToStop(group(machine), undefined)).toEqual(told ? [] : ["t0"]);
    });
  }
});

describe("what the history says of it", () => {
  const asked = (cause: StopOrder["cause"]) =>
    ({ ...events.stop_requested, order: { ...order, cause, sibling: "db" } }) as const;
  const types = (machine: MachineState, cause: StopOrder["cause"]): string[] =>
    step(machine, asked(cause)).effects.flatMap((effect) => (effect.kind === "report" ? [effect.event.type] : []));

  for (const state of MACHINE_STATES) {
    test(`of a machine that is ${state}`, () => {
      const silent = state === "stopping" || state === "ended";
      expect(types(states[state], "sibling task failed").slice(0, 1)).toEqual(silent ? [] : ["Sibling Task Failed"]);
      expect(types(states[state], "leader task dead").slice(0, 1)).toEqual(silent ? [] : ["Leader Task Dead"]);
    });
  }

  test("in Nomad's words, before the stop itself", () => {
    const { state, effects } = step(states.running, asked("sibling task failed"));
    expect(effects[0]).toMatchObject({
      event: { message: `Task's sibling "db" failed`, details: { failed_sibling: "db" }, failsTask: false },
    });
    expect(effects[1]).toMatchObject({ event: { type: "Killing", details: { cause: "sibling task failed" } } });
    expect(step(states.running, asked("leader task dead")).effects[0]).toMatchObject({
      event: { message: "Leader Task in Group dead" },
    });
    expect(step(state, { ...events.gone, next: { kind: "stay", failed: true, reason: "" } }).state).toMatchObject({
      kind: "ended",
      failed: false,
    });
  });

  test("once: who is told again says nothing, and one that was to start again now stays down", () => {
    const starting = step(states.starting, asked("sibling task failed")).state;
    expect(step(starting, asked("sibling task failed"))).toEqual({ state: starting, effects: [] });
    const again: MachineState = { ...states.stopping, order: { ...order, cause: "restart requested" } };
    const { state } = step(again, asked("sibling task failed"));
    expect(state).toMatchObject({ order: { cause: "sibling task failed", sibling: "db" } });
  });
});

describe("the status of an allocation of several tasks", () => {
  const CASES: readonly (readonly [string, readonly MachineState[], ClientStatus, boolean])[] = [
    ["all run", [states.running, states.running], "running", true],
    ["one still starts", [states.running, states.preparing], "running", false],
    ["one starts again", [states.running, states.backoff], "running", false],
    ["one has done its work", [states.running, states.ended], "running", true],
    ["one has failed and the other is being stopped", [failed, states.stopping], "failed", false],
    ["one is lost and the other is being stopped", [lost, states.stopping], "lost", false],
    ["none runs yet", [states.ended, states.preparing], "pending", false],
    ["all have done their work", [states.ended, states.ended], "complete", false],
    ["one of those that ended has failed", [states.ended, failed], "failed", false],
  ];
  for (const [what, machines, status, up] of CASES) {
    test(`${what}: ${status}${up ? ", up" : ""}`, () => {
      const one = placed(...machines);
      expect(clientStatus(one)).toBe(status);
      expect(isUp(one)).toBe(up);
    });
  }
});
