import { unreachable } from "../base/errors.ts";

/** Why a machine is stopped. */
export type StopCause =
  | "job stopped"
  | "job updated"
  | "allocation stopped"
  /** A check went on failing; it starts again when its restart policy says so. */
  | "unhealthy"
  /** The guest shut itself down but QEMU lives on (`-no-shutdown`). */
  | "guest shut down";

/** A request to stop, with everything the ladder needs; times in milliseconds. */
export interface StopOrder {
  readonly cause: StopCause;
  /** Since 1970. */
  readonly requestedAt: number;
  /** `graceful_shutdown`: the guest is asked first. */
  readonly graceful: boolean;
  readonly shutdownDelay: number;
  readonly killTimeout: number;
}

/** The rungs, gentlest first. */
export type Rung = "powerdown" | "quit" | "SIGTERM" | "SIGKILL";

export interface LadderTry {
  readonly rung: Rung;
  /** Milliseconds since 1970. */
  readonly at: number;
  /** What came of it, for the receipt: `accepted`, `monitor not connected`, … */
  readonly answer: string | null;
}

/** A press that came before the guest had enabled its button is lost, so it is repeated; measured to bring every guest down. */
const PRESS_EVERY = 500;
/** After these presses the guest has heard it or never will: once in `SLOW_PRESS_EVERY` is enough. */
const FAST_PRESSES = 20;
const SLOW_PRESS_EVERY = 2_000;

/** A stop never takes longer than shutdown_delay + kill_timeout + this; quit, SIGTERM and SIGKILL share it. */
export const FORCE_BUDGET = 2_000;
const SIGTERM_AFTER = 1_000;
const SIGKILL_AFTER = 1_600;

export type LadderStep =
  /** Try this rung now. */
  | { readonly kind: "try"; readonly rung: Rung }
  /** Nothing before this time, in milliseconds since 1970. */
  | { readonly kind: "wait"; readonly until: number }
  /** Everything was tried and the time is over: the process sits in the kernel. */
  | { readonly kind: "exhausted" };

/** When the guest's own time is over and force begins, in milliseconds since 1970. */
export function forceBegins(order: StopOrder): number {
  return order.requestedAt + order.shutdownDelay + (order.graceful ? order.killTimeout : 0);
}

/** How long a QEMU that has said SHUTDOWN may live on before it is told to quit (`-no-shutdown`), in milliseconds. */
export const LINGER = 1_000;

/**
 * What the ladder does next; pure, so every schedule can be tested without waiting.
 * @param shutdownAt when the guest was seen to have shut down, null while it was not: nobody is left who could hear the button.
 */
export function nextStep(
  order: StopOrder,
  tries: readonly LadderTry[],
  now: number,
  shutdownAt: number | null = null,
): LadderStep {
  const force = Math.min(forceBegins(order), shutdownAt === null ? Number.POSITIVE_INFINITY : shutdownAt + LINGER);
  if (shutdownAt !== null) return now < force ? { kind: "wait", until: force } : nextForce(tries, now, force);
  const guestTime = order.requestedAt + order.shutdownDelay;
  if (now < guestTime) return { kind: "wait", until: guestTime };
  if (now < force) return nextPress(tries, now, force);
  return nextForce(tries, now, force);
}

function nextPress(tries: readonly LadderTry[], now: number, force: number): LadderStep {
  const presses = tries.filter((entry) => entry.rung === "powerdown");
  const last = presses.at(-1);
  if (last === undefined) return { kind: "try", rung: "powerdown" };
  const due = last.at + (presses.length < FAST_PRESSES ? PRESS_EVERY : SLOW_PRESS_EVERY);
  return now >= due ? { kind: "try", rung: "powerdown" } : { kind: "wait", until: Math.min(due, force) };
}

function nextForce(tries: readonly LadderTry[], now: number, force: number): LadderStep {
  const tried = (rung: Rung): boolean => tries.some((entry) => entry.rung === rung);
  // An agent that comes back after the deadline still asks QEMU to flush the disks before it kills, so each rung counts from
  // the one before it rather than from the clock alone.
  const quitAt = tries.find((entry) => entry.rung === "quit")?.at;
  if (quitAt === undefined) return { kind: "try", rung: "quit" };
  if (!tried("SIGTERM")) return dueAt(quitAt + SIGTERM_AFTER, now, "SIGTERM");
  if (!tried("SIGKILL")) return dueAt(quitAt + SIGKILL_AFTER, now, "SIGKILL");
  const end = Math.max(force, quitAt) + FORCE_BUDGET;
  return now < end ? { kind: "wait", until: end } : { kind: "exhausted" };
}

function dueAt(due: number, now: number, rung: Rung): LadderStep {
  return now >= due ? { kind: "try", rung } : { kind: "wait", until: due };
}

/** The rung in words, for events and receipts. */
export function rungText(rung: Rung): string {
  switch (rung) {
    case "powerdown":
      return "ACPI power button";
    case "quit":
      return "QMP quit";
    case "SIGTERM":
    case "SIGKILL":
      return rung;
    default:
      return unreachable(rung);
  }
}
