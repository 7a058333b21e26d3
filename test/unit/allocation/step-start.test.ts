import { describe, expect, test } from "bun:test";
import { step } from "../../../src/allocation/step.ts";
import { again, ending, events, kinds, order, states } from "../../helpers/transitions.ts";

describe("starting", () => {
  test("a stop during preparation cancels it, and its failure then is no failure of the task", () => {
    const cancelled = step(states.preparing, events.stop_requested);
    expect(kinds(cancelled.effects)).toEqual(["cancel_prepare"]);
    const ended = step(cancelled.state, events.prepare_failed);
    expect(ended.state).toMatchObject({ kind: "ended", ending: { reason: "not-started", failed: false } });
  });

  test("a stop that comes between intent and process begins the ladder once the process is known", () => {
    const waiting = step(states.starting, events.stop_requested);
    const live = step(waiting.state, events.spawned);
    expect(live.state).toMatchObject({ kind: "stopping", order });
    expect(kinds(live.effects)).toEqual(["watch", "report", "wake"]);
  });

  test("Started is reported when QEMU first answers, not when it was spawned", () => {
    const spawned = step(states.starting, events.spawned);
    expect(kinds(spawned.effects)).toEqual(["watch"]);
    const answered = step(spawned.state, { kind: "guest_status", at: 110, status: "running" });
    expect(answered.effects).toMatchObject([{ kind: "report", event: { type: "Started", details: { pid: "42" } } }]);
    expect(step(answered.state, { kind: "guest_status", at: 120, status: "paused" }).effects).toEqual([]);
  });

  test("a QEMU that refuses its arguments is a driver failure, not a start and an end", () => {
    const spawned = step(states.starting, events.spawned);
    const gone = step(spawned.state, {
      kind: "gone",
      at: 105,
      ending: { ...ending, reason: "qemu-error", failed: true, exitCode: 1, message: "QEMU gave up: bad option" },
      next: { kind: "stay", failed: true, reason: "Error was unrecoverable" },
    });
    expect(gone.effects).toMatchObject([
      { kind: "clean_up" },
      { kind: "report", event: { type: "Driver Failure" } },
      { kind: "report", event: { type: "Not Restarting", failsTask: true } },
    ]);
    expect(gone.state).toMatchObject({ kind: "ended", failed: true });
  });

  test("after a crash of the agent before the spawn the next start has a generation of its own", () => {
    expect(step(states.starting, events.begin)).toMatchObject({
      state: { kind: "preparing", generation: 2 },
      effects: [{ kind: "prepare", generation: 2 }],
    });
  });
});

describe("starting again", () => {
  const gone = step(states.running, { ...events.gone, next: again });

  test("waits for its time, says when and why, and is a start of its own", () => {
    expect(gone.state).toEqual({ kind: "backoff", generation: 1, ending, until: 15_200 });
    expect(gone.effects).toMatchObject([
      { kind: "clean_up" },
      { kind: "report", event: { type: "Terminated" } },
      { kind: "report", event: { type: "Restarting", message: "Task restarting in 15s: Restart within policy" } },
      { kind: "wake", at: 15_200 },
    ]);
    expect(step(gone.state, { kind: "tick", at: 15_199 })).toEqual({
      state: gone.state,
      effects: [{ kind: "wake", at: 15_200 }],
    });
    expect(step(gone.state, { kind: "tick", at: 15_200 })).toEqual({
      state: { kind: "preparing", generation: 2, cancelled: null },
      effects: [{ kind: "prepare", generation: 2 }],
    });
  });

  test("is given up when the job is stopped meanwhile, which is no failure", () => {
    expect(step(gone.state, { ...events.stop_requested, at: 300 }).state).toEqual({
      kind: "ended",
      generation: 1,
      ending,
      failed: false,
    });
  });

  test("does not happen to a machine that was told to stop, whatever its policy", () => {
    expect(step(states.stopping, { ...events.gone, next: again }).state).toMatchObject({
      kind: "ended",
      failed: false,
    });
    const told = step(states.starting, events.stop_requested).state;
    expect(step(told, { ...events.gone, next: again }).state).toMatchObject({ kind: "ended", failed: false });
  });

  test("happens to a guest that shut itself down under -no-shutdown, unless the job is stopped before QEMU is gone", () => {
    const order = { ...states.stopping.order, cause: "guest shut down" as const };
    const tidied = { ...states.stopping, order };
    expect(step(tidied, { ...events.gone, next: again }).state.kind).toBe("backoff");
    const told = step(tidied, events.stop_requested).state;
    expect(step(told, { ...events.gone, next: again }).state).toMatchObject({ kind: "ended", failed: false });
  });
});
