import { describe, expect, test } from "bun:test";
import type { MachineEvent, MachineState } from "../../../src/allocation/machine.ts";
import { step } from "../../../src/allocation/step.ts";

type Running = Extract<MachineState, { kind: "running" }>;
type StatusEvent = Extract<MachineEvent, { kind: "guest_status" }>;

const running: Running = {
  kind: "running",
  generation: 1,
  identity: { bootId: "boot", pid: 42, startTime: 1000 },
  startedAt: 50,
  guest: "running",
  shutdown: null,
  adopted: false,
};
const nospace = { device: "image0", status: "nospace" } as const;

/** What a machine that runs is after these words of QEMU, and what its history tells. */
function after(...events: readonly Omit<StatusEvent, "kind" | "at">[]) {
  let state: MachineState = running;
  const told: string[] = [];
  events.forEach((event, index) => {
    const done = step(state, { kind: "guest_status", at: 1_000 * (index + 1), ...event });
    state = done.state;
    for (const effect of done.effects) if (effect.kind === "report") told.push(effect.event.message);
  });
  return { state: state as Running, told };
}

describe("a guest that stands still because of its disk", () => {
  const full = { status: "io-error", fault: nospace };

  test("is told of once, with the disk and what comes next, and again when it goes on", () => {
    const { state, told } = after(full, full, { status: "running" });
    expect(told).toEqual([
      "Guest paused (io-error): disk full, there is no room for what it writes to image0; it goes on by itself when there is",
      "Guest goes on, it stood still for 2s",
    ]);
    expect(state.standstill).toBeUndefined();
  });

  test("is told of anew once QEMU says why", () => {
    const { told, state } = after({ status: "io-error" }, full);
    expect(told[0]).toContain("QEMU does not say why");
    expect(told[1]).toContain("disk full");
    expect(state.standstill).toEqual({ ...nospace, since: 1_000, held: false, told: true });
  });

  test("is to be mended by people when it lacks more than room", () => {
    const { told } = after({ status: "io-error", fault: { device: null, status: "failed" } });
    expect(told).toEqual([
      "Guest paused (io-error): its disk could not be written; once that is mended, paddock vm power resume lets it go on",
    ]);
  });

  test("does so while the monitor is away for a moment", () => {
    const { state, told } = after(full, { status: "unreachable" }, full);
    expect(told).toHaveLength(1);
    expect(state.standstill?.since).toBe(1_000);
  });

  test("is held by a pause until it is resumed, whatever is heard meanwhile", () => {
    const held = { status: "io-error", held: true };
    expect(after(full, held, full).state.standstill?.held).toBe(true);
    expect(after(full, held, { status: "io-error", held: false }).state.standstill?.held).toBe(false);
    expect(after(full, held, { status: "running" }, full).state.standstill?.held).toBe(false);
  });

  test("does not fill the history when it flips to and fro, or from one fault to the other", () => {
    const failed = { status: "io-error", fault: { device: "image0", status: "failed" } } as const;
    const flips = Array.from({ length: 29 }, (_, index) => (index % 2 === 0 ? full : { status: "running" }));
    expect(after(...flips).told).toHaveLength(2);
    expect(after(...Array.from({ length: 29 }, (_, index) => (index % 2 === 0 ? full : failed))).told).toHaveLength(1);
    // The next one that begins half a minute after the first is told again.
    expect(after(...flips, { status: "running" }, full, { status: "running" }).told).toHaveLength(4);
  });

  test("says nothing of it while it is being stopped", () => {
    const order = { cause: "job stopped", requestedAt: 1, graceful: true, shutdownDelay: 0, killTimeout: 1 } as const;
    const stopping: MachineState = { ...running, kind: "stopping", order, tries: [] };
    const { state, effects } = step(stopping, { kind: "guest_status", at: 5, ...full });
    expect(effects).toEqual([]);
    expect(state).toMatchObject({ guest: "io-error", standstill: { status: "nospace" } });
  });
});
