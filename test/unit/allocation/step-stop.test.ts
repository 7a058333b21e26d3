import { describe, expect, test } from "bun:test";
import type { StopOrder } from "../../../src/allocation/ladder.ts";
import { step } from "../../../src/allocation/step.ts";
import { again, ending, events, kinds, order, states } from "../../helpers/transitions.ts";

describe("stopping", () => {
  test("the ladder presses, records the answer and waits", () => {
    const pressed = step(states.stopping, { kind: "tick", at: 100 });
    expect(pressed.effects).toMatchObject([{ kind: "climb", rung: "powerdown" }, { kind: "wake" }]);
    const answered = step(pressed.state, events.rung_answered);
    expect(answered.state).toMatchObject({ tries: [{ rung: "powerdown", at: 100, answer: "accepted" }] });
    expect(answered.effects).toEqual([{ kind: "wake", at: 100 }]);
    expect(step(answered.state, { kind: "tick", at: 101 }).effects).toEqual([{ kind: "wake", at: 600 }]);
  });

  test("a late answer goes to the rung that asked", () => {
    const tries = [
      { rung: "quit", at: 5100, answer: null },
      { rung: "SIGTERM", at: 6100, answer: null },
    ] as const;
    const { state } = step(
      { ...states.stopping, tries },
      { ...events.rung_answered, rung: "quit", answer: { words: "monitor: timed out", accepted: false } },
    );
    expect(state).toMatchObject({ tries: [{ answer: "monitor: timed out" }, { answer: null }] });
  });

  test("the receipt says that the button worked", () => {
    const tries = [{ rung: "powerdown", at: 100, answer: "accepted" }] as const;
    const { state, effects } = step({ ...states.stopping, tries }, events.gone);
    expect(state).toMatchObject({ ending: { failed: false, stop: { rung: "powerdown", took: 100 }, hint: null } });
    expect(kinds(effects)).toEqual(["clean_up", "report", "report"]);
  });

  test("the receipt of a forced stop says how to make the guest listen", () => {
    const tries = [
      { rung: "powerdown", at: 100, answer: "accepted" },
      { rung: "quit", at: 5100, answer: "accepted" },
    ] as const;
    const { state } = step(
      { ...states.stopping, tries },
      { ...events.gone, ending: { ...ending, reason: "host-qmp-quit" } },
    );
    expect(state).toMatchObject({ ending: { stop: { rung: "quit" }, hint: expect.stringContaining("acpid") } });
  });

  test("a machine that was not started by its guest is not asked to power off", () => {
    const { state } = step({ ...states.running, guest: "prelaunch" }, events.stop_requested);
    expect(state).toMatchObject({ kind: "stopping", order: { graceful: false } });
  });

  test("a process that not even SIGKILL ends is reported once and looked at again", () => {
    const tries = [
      { rung: "quit", at: 5100, answer: "accepted" },
      { rung: "SIGTERM", at: 6100, answer: "sent" },
      { rung: "SIGKILL", at: 6700, answer: "sent" },
    ] as const;
    const first = step({ ...states.stopping, tries }, { kind: "tick", at: 7200 });
    expect(first.state).toMatchObject({ kind: "stopping", guest: "unkillable" });
    expect(kinds(first.effects)).toEqual(["report", "wake"]);
    expect(kinds(step(first.state, { kind: "tick", at: 12_200 }).effects)).toEqual(["wake"]);
  });
});

describe("a guest agent", () => {
  const stopping = { ...states.stopping, order: { ...order, guestAgent: true } };
  const answer = (accepted: boolean) =>
    ({ kind: "rung_answered", at: 120, rung: "guest-agent", answer: { words: "…", accepted } }) as const;

  test("is asked before the button, which is pressed at once when it does not answer", () => {
    const asked = step(stopping, { kind: "tick", at: 100 });
    expect(asked.effects).toMatchObject([{ kind: "climb", rung: "guest-agent" }, { kind: "wake" }]);
    const answered = step(asked.state, answer(false));
    expect(answered.effects).toEqual([{ kind: "wake", at: 120 }]);
    expect(step(answered.state, { kind: "tick", at: 120 }).effects[0]).toEqual({ kind: "climb", rung: "powerdown" });
  });

  test("that took the order on is what worked, though the button was pressed later", () => {
    const accepted = step(step(stopping, { kind: "tick", at: 100 }).state, answer(true)).state;
    const pressed = step(accepted, { kind: "tick", at: 2600 });
    expect(pressed.effects[0]).toEqual({ kind: "climb", rung: "powerdown" });
    expect(step(pressed.state, events.gone).state).toMatchObject({ ending: { stop: { rung: "guest-agent" } } });
  });

  test("that said nothing is not what worked, unless nothing else was tried", () => {
    const asked = step(stopping, { kind: "tick", at: 100 }).state;
    expect(step(asked, events.gone).state).toMatchObject({ ending: { stop: { rung: "guest-agent" } } });
    const pressed = step(step(asked, answer(false)).state, { kind: "tick", at: 120 }).state;
    expect(step(pressed, events.gone).state).toMatchObject({ ending: { stop: { rung: "powerdown" } } });
  });
});

describe("a stop that is asked for again", () => {
  const asked = (change: Partial<StopOrder>) =>
    ({ kind: "stop_requested", at: 3000, order: { ...order, requestedAt: 3000, ...change } }) as const;

  test("keeps its cause and its deadline", () => {
    expect(step(states.stopping, asked({ cause: "job updated" }))).toEqual({ state: states.stopping, effects: [] });
  });

  test("with a signal is forced at once, and never made softer again", () => {
    const harder = step(states.stopping, asked({ force: "SIGKILL" }));
    expect(harder.state).toMatchObject({ order: { ...order, force: "SIGKILL" } });
    expect(harder.effects).toMatchObject([
      { kind: "report", event: { type: "Killing" } },
      { kind: "wake", at: 3000 },
    ]);
    expect(step(harder.state, asked({ force: "SIGTERM" }))).toEqual({ state: harder.state, effects: [] });
    expect(step(harder.state, { kind: "tick", at: 3000 }).effects[0]).toEqual({ kind: "climb", rung: "SIGKILL" });
  });

  test("during a restart keeps the machine down", () => {
    const restarting = step(states.running, events.restart_requested).state;
    const told = step(restarting, asked({})).state;
    expect(told).toMatchObject({ order: { cause: "job stopped", requestedAt: 100 } });
    expect(step(told, { ...events.gone, next: again }).state).toMatchObject({ kind: "ended", failed: false });
  });
});

describe("a restart by command", () => {
  const fromRunning = step(states.running, events.restart_requested);

  test("stops by the ladder, then starts again at once, whatever the policy", () => {
    expect(fromRunning.effects).toMatchObject([{ kind: "report", event: { type: "Killing" } }, { kind: "wake" }]);
    const gone = step(fromRunning.state, events.gone);
    expect(gone.state).toMatchObject({ kind: "backoff", until: 200, ending: { stop: { took: 100 } } });
    expect(kinds(gone.effects)).toEqual(["clean_up", "report", "report", "wake"]);
    expect(gone.effects[2]).toMatchObject({ event: { type: "Restarting" } });
    expect(step(gone.state, { kind: "tick", at: 200 }).state).toMatchObject({ kind: "preparing", generation: 2 });
  });

  test("does not turn a stop that was asked for into a restart", () => {
    expect(step(states.stopping, events.restart_requested)).toEqual({ state: states.stopping, effects: [] });
  });

  test("ends the wait for the restart policy's time", () => {
    expect(step({ ...states.backoff, until: 999_999 }, events.restart_requested)).toEqual({
      state: { kind: "preparing", generation: 2, cancelled: null },
      effects: [{ kind: "prepare", generation: 2 }],
    });
  });

  test("of a machine that is just being spawned begins once its process is known", () => {
    const waiting = step(states.starting, events.restart_requested);
    const live = step(waiting.state, events.spawned);
    expect(live.state).toMatchObject({ kind: "stopping", order: { cause: "restart requested" } });
    expect(step(waiting.state, events.gone).state).toMatchObject({ kind: "backoff", until: 200 });
    expect(step(waiting.state, { ...events.start_failed }).state.kind).toBe("ended");
  });

  test("of a machine that is stopped for its health is in effect whatever its policy says, and a stop still wins", () => {
    const sick = step(states.running, events.unhealthy).state;
    const told = step(sick, events.restart_requested).state;
    expect(told).toMatchObject({ order: { cause: "restart requested", requestedAt: 100 } });
    expect(step(told, events.gone).state.kind).toBe("backoff");
    const stopped = step(told, events.stop_requested).state;
    expect(step(stopped, { ...events.gone, next: again }).state).toMatchObject({ kind: "ended", failed: false });
  });

  test("of a QEMU that is only being tidied up starts it again", () => {
    const tidied = { ...states.stopping, order: { ...order, cause: "guest shut down" as const } };
    const told = step(tidied, events.restart_requested).state;
    expect(step(told, events.gone).state.kind).toBe("backoff");
  });
});

test("the receipt of a guest that stood still with io-error tells of its disk, not of a handler", () => {
  const tries = [{ rung: "quit", at: 5100, answer: "accepted" }] as const;
  const { state } = step(
    { ...states.stopping, guest: "io-error", tries },
    { ...events.gone, ending: { ...ending, reason: "host-qmp-quit" } },
  );
  expect(state).toMatchObject({ ending: { hint: expect.stringContaining("make room") } });
});

describe("a failing check", () => {
  const stopping = step(states.running, events.unhealthy);

  test("stops the machine as its job says and tells why first", () => {
    expect(stopping.state).toMatchObject({ kind: "stopping", order: { cause: "unhealthy", killTimeout: 5000 } });
    expect(stopping.effects).toMatchObject([
      { kind: "report", event: { type: "Restart Signaled", message: 'healthcheck: check "web" unhealthy' } },
      { kind: "report", event: { type: "Killing" } },
      { kind: "wake", at: 100 },
    ]);
  });

  test("starts it again when its policy says so, and the end counts as a failure with a receipt", () => {
    const { state, effects } = step(stopping.state, { ...events.gone, next: again });
    expect(state).toMatchObject({
      kind: "backoff",
      until: 15_200,
      ending: { failed: true, reason: "guest-shutdown", stop: { order: { cause: "unhealthy" } } },
    });
    expect(effects.flatMap((effect) => (effect.kind === "report" ? [effect.event.type] : []))).toEqual([
      "Terminated",
      "Restarting",
    ]);
  });

  test("leaves it failed when its policy allows no more restarts", () => {
    const next = { kind: "stay", failed: true, reason: "Policy allows no restarts" } as const;
    expect(step(stopping.state, { ...events.gone, next }).state).toMatchObject({ kind: "ended", failed: true });
  });

  test("yields to a user who stops the job meanwhile, on the ladder that was begun", () => {
    const told = step(stopping.state, { ...events.stop_requested, at: 300, order: { ...order, requestedAt: 300 } });
    expect(told.state).toMatchObject({ order: { cause: "job stopped", requestedAt: 100 } });
    expect(step(told.state, { ...events.gone, next: again }).state).toMatchObject({ kind: "ended", failed: false });
  });

  test("says nothing of another start, nor of a guest that is shutting down by itself", () => {
    const later = { ...states.running, generation: 2 };
    expect(step(later, events.unhealthy)).toEqual({ state: later, effects: [] });
    const leaving = { ...states.running, shutdown: { reason: "guest-shutdown", at: 90 } };
    expect(step(leaving, events.unhealthy)).toEqual({ state: leaving, effects: [] });
  });
});
