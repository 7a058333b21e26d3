import { describe, expect, test } from "bun:test";
import {
  answerPatience,
  FORCE_BUDGET,
  forceBegins,
  type LadderTry,
  nextStep,
  type StopOrder,
} from "../../../src/allocation/ladder.ts";

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
      tries.push({ rung: next.rung, at: now, answer: "accepted", accepted: true });
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

  test("asks a guest agent first, and presses when its patience is over", () => {
    const rungs = climb({ ...graceful, guestAgent: true });
    // Everything is accepted here, so the guest gets half of its time to itself.
    expect(rungs.slice(0, 3)).toEqual([
      { rung: "guest-agent", after: 0 },
      { rung: "powerdown", after: 2500 },
      { rung: "powerdown", after: 3000 },
    ]);
    expect(rungs.find(({ rung }) => rung === "quit")?.after).toBe(5000);
  });

  const asked: LadderTry = { rung: "guest-agent", at: 1000, answer: null };
  const order = { ...graceful, guestAgent: true, killTimeout: 20_000 };
  test("waits for the guest agent's answer a quarter of kill_timeout, 1.5 s at the most", () => {
    expect(nextStep(order, [asked], 1001)).toEqual({ kind: "wait", until: 2500 });
    expect(nextStep(order, [asked], 2500)).toEqual({ kind: "try", rung: "powerdown" });
    expect(nextStep({ ...order, killTimeout: 1000 }, [asked], 1250)).toEqual({ kind: "try", rung: "powerdown" });
  });

  test("presses at once when the guest agent did not take the order on, and 5 s later when it did", () => {
    expect(nextStep(order, [{ ...asked, accepted: false }], 1001)).toEqual({ kind: "try", rung: "powerdown" });
    expect(nextStep(order, [{ ...asked, accepted: true }], 1001)).toEqual({ kind: "wait", until: 6000 });
    expect(nextStep(order, [{ ...asked, accepted: true }], 6000)).toEqual({ kind: "try", rung: "powerdown" });
  });

  test("by a signal begins there, whatever was tried before, and ends within the same two seconds", () => {
    const forced = (force: "SIGTERM" | "SIGKILL") => climb({ ...graceful, shutdownDelay: 9000, force });
    expect(forced("SIGTERM")).toEqual([
      { rung: "SIGTERM", after: 0 },
      { rung: "SIGKILL", after: 1000 },
    ]);
    expect(forced("SIGKILL")).toEqual([{ rung: "SIGKILL", after: 0 }]);
    const pressed: LadderTry[] = [{ rung: "powerdown", at: 1000, answer: "accepted" }];
    expect(nextStep({ ...graceful, force: "SIGKILL" }, pressed, 1100)).toEqual({ kind: "try", rung: "SIGKILL" });
  });

  test("never waits for an answer into the time of the next rung", () => {
    expect(answerPatience(graceful, "powerdown", 1000)).toBe(5000);
    expect(answerPatience(graceful, "powerdown", 5000)).toBe(1000);
    expect(answerPatience(graceful, "quit", 6000)).toBeLessThan(1000);
    expect(answerPatience(order, "guest-agent", 1000)).toBe(1500);
  });

  test("stops pressing once the guest has shut down, and tells a QEMU that lives on to quit a second later", () => {
    const pressed: LadderTry[] = [{ rung: "powerdown", at: 1000, answer: "accepted" }];
    expect(nextStep(graceful, pressed, 2000, 1200)).toEqual({ kind: "wait", until: 2200 });
    expect(nextStep(graceful, pressed, 2200, 1200)).toEqual({ kind: "try", rung: "quit" });
  });
});
