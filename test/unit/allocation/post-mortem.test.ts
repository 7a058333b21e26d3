import { describe, expect, test } from "bun:test";
import type { Ending } from "../../../src/allocation/ending.ts";
import type { StopOrder } from "../../../src/allocation/ladder.ts";
import type { MachineEvent, MachineState } from "../../../src/allocation/machine.ts";
import { postMortemOf } from "../../../src/allocation/post-mortem.ts";
import type { Remains } from "../../../src/allocation/remains.ts";
import { step } from "../../../src/allocation/step.ts";

const versions = { paddock: "0.1.0", kernel: "6.1.0" };
const identity = { bootId: "boot", pid: 42, startTime: 1000 };
const ending: Ending = {
  reason: "killed",
  failed: true,
  exitCode: 137,
  signal: 9,
  at: 900,
  message: "QEMU was killed by SIGKILL",
  hint: null,
  stop: null,
};
const order: StopOrder = {
  cause: "job stopped",
  requestedAt: 800,
  graceful: true,
  shutdownDelay: 0,
  killTimeout: 5000,
};
const live = { generation: 3, identity, startedAt: 500, guest: "running", shutdown: null, adopted: true };
const running: MachineState = { kind: "running", ...live };
const remains: Remains = {
  events: [],
  status: "exit 137\n",
  stderr: "",
  serial: "bye",
  kernel: null,
  watched: true,
  endedAt: 850,
};
const stay = { kind: "stay", failed: true, reason: "Policy allows no restarts" } as const;
const again = {
  kind: "restart",
  delay: 15_000,
  reason: "Restart within policy",
  window: { startedAt: 900, count: 1 },
} as const;
const gone: MachineEvent = { kind: "gone", at: 900, ending, next: stay, remains };

const madeBy = (before: MachineState, event: MachineEvent) =>
  postMortemOf(before, event, step(before, event).state, versions);

describe("a post-mortem", () => {
  test("tells an end for good with what was left of the machine", () => {
    expect(madeBy(running, gone)).toEqual({
      generation: 3,
      ending,
      startedAt: 500,
      endedAt: 850,
      pid: 42,
      adopted: true,
      next: { restart: false, reason: "Policy allows no restarts", delay: 0 },
      remains,
      versions,
    });
  });

  test("tells that the machine starts again, and when", () => {
    expect(madeBy(running, { ...gone, next: again })?.next).toEqual({
      restart: true,
      reason: "Restart within policy",
      delay: 15_000,
    });
  });

  test("of a machine that was stopped has the receipt and no restart", () => {
    const stopping: MachineState = { kind: "stopping", ...live, order, tries: [] };
    const made = madeBy(stopping, { ...gone, next: again });
    expect(made?.ending.stop?.order.cause).toBe("job stopped");
    expect(made?.next).toEqual({ restart: false, reason: "Stopped: job stopped", delay: 0 });
  });

  test("of a machine that a failing check stopped has what its policy decided", () => {
    const stopping: MachineState = { kind: "stopping", ...live, order: { ...order, cause: "unhealthy" }, tries: [] };
    expect(madeBy(stopping, gone)?.next.reason).toBe("Policy allows no restarts");
  });

  test("of a machine that was told to restart does not tell what its policy would have said", () => {
    const stopping: MachineState = {
      kind: "stopping",
      ...live,
      order: { ...order, cause: "restart requested" },
      tries: [],
    };
    expect(madeBy(stopping, gone)?.next).toMatchObject({ restart: true, reason: "Restart requested" });
  });

  test.each([
    ["before the start", 499, 900],
    ["after it was noticed", 901, 900],
    ["in between", 500, 500],
  ])("believes a machine's own time of its end only when it can be right: %s", (_, endedAt, expected) => {
    expect(madeBy(running, { ...gone, remains: { ...remains, endedAt } })?.endedAt).toBe(expected);
  });

  test("of a start that came to nothing has no process", () => {
    const preparing: MachineState = { kind: "preparing", generation: 1, cancelled: null };
    const failed: MachineEvent = {
      kind: "prepare_failed",
      at: 900,
      ending: { ...ending, reason: "not-started" },
      next: stay,
    };
    expect(madeBy(preparing, failed)).toMatchObject({ generation: 1, startedAt: 0, pid: null, remains: null });
  });

  test("is made once for each end, and for no other step", () => {
    const backoff: MachineState = { kind: "backoff", generation: 3, ending, until: 2000 };
    expect(madeBy(backoff, { kind: "stop_requested", at: 950, order })).toBeNull();
    expect(madeBy({ kind: "ended", generation: 3, ending, failed: true }, gone)).toBeNull();
    expect(madeBy(running, { kind: "guest_status", at: 600, status: "paused" })).toBeNull();
  });
});
