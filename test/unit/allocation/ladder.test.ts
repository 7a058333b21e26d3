import { describe, expect, test } from "bun:test";
import { FORCE_BUDGET, forceBegins, type LadderTry, nextStep, type StopOrder } from "../../../src/allocation/ladder.ts";

const graceful: StopOrder = {
  cause: "job stopped",
  requestedAt: 1000,
  graceful: true,
  shutdownDelay: 0,
  killTimeout: 5000,
};

/** Plays the ladder against a guest that never ends and returns every rung with its time after the request. */
function climb(order: StopOrder, from = order.requestedAt): { rung: string; after: number }[] {
  const tries: LadderTry[] = [];
  let now = from;
  for (let steps = 0; steps < 10_000; steps++) {
    const next = nextStep(order, tries, now);
    if (next.kind === "exhausted") break;
    if (next.kind === "wait") {
      expect(next.until).toBeGreaterThan(now);
      now = next.until;
    } else {
      tries.push({ rung: next.rung, at: now, answer: "accepted" });
    }
  }
  return tries.map((entry) => ({ rung: entry.rung, after: entry.at - order.requestedAt }));
}

describe("the stop ladder", () => {
  test("presses twice a second, then forces within two seconds of the guest's time", () => {
    const rungs = climb(graceful);
    expect(rungs.filter(({ rung }) => rung === "powerdown").map(({ after }) => after)).toEqual([
      0, 500, 1000, 1500, 2000, 2500, 3000, 3500, 4000, 4500,
    ]);
    expect(rungs.slice(10)).toEqual([
      { rung: "quit", after: 5000 },
      { rung: "SIGTERM", after: 6000 },
      { rung: "SIGKILL", after: 6600 },
    ]);
    expect(forceBegins(graceful) + FORCE_BUDGET - graceful.requestedAt).toBe(7000);
  });

  test("presses less often after ten seconds", () => {
    const presses = climb({ ...graceful, killTimeout: 20_000 }).filter(({ rung }) => rung === "powerdown");
    expect(presses[19]?.after).toBe(9500);
    expect(presses.slice(20).map(({ after }) => after)).toEqual([11_500, 13_500, 15_500, 17_500, 19_500]);
  });

  test("gives the guest the whole of kill_timeout after shutdown_delay", () => {
    const rungs = climb({ ...graceful, shutdownDelay: 3000 });
    expect(rungs[0]).toEqual({ rung: "powerdown", after: 3000 });
    expect(rungs.find(({ rung }) => rung === "quit")).toEqual({ rung: "quit", after: 8000 });
  });

  test("begins with quit when the guest is not to be asked", () => {
    expect(climb({ ...graceful, graceful: false }).map(({ rung, after }) => `${rung}@${after}`)).toEqual([
      "quit@0",
      "SIGTERM@1000",
      "SIGKILL@1600",
    ]);
  });

  test("a kill_timeout of nothing never presses", () => {
    expect(climb({ ...graceful, killTimeout: 0 })[0]).toEqual({ rung: "quit", after: 0 });
  });

  test("an agent that comes back long after the deadline still lets QEMU flush before it kills", () => {
    expect(climb(graceful, 1000 + 3_600_000).map(({ rung, after }) => `${rung}@${after - 3_600_000}`)).toEqual([
      "quit@0",
      "SIGTERM@1000",
      "SIGKILL@1600",
    ]);
  });

  test("stops pressing once the guest has shut down, and tells a QEMU that lives on to quit a second later", () => {
    const pressed: LadderTry[] = [{ rung: "powerdown", at: 1000, answer: "accepted" }];
    expect(nextStep(graceful, pressed, 2000, 1200)).toEqual({ kind: "wait", until: 2200 });
    expect(nextStep(graceful, pressed, 2200, 1200)).toEqual({ kind: "try", rung: "quit" });
  });
});
