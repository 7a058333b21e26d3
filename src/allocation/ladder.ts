import { unreachable } from "../base/errors.ts";

/** Why a machine is stopped. */
export type StopCause =
  | "job stopped"
  | "job updated"
  | "allocation stopped"
  /** The node is drained; Nomad's words. */
  | "alloc is being migrated"
  /** It has run for as long as its job allows. */
  | "max_run_duration is over"
  /** A check went on failing; it starts again when its restart policy says so. */
  | "unhealthy"
  /** Another task of its group has failed for good. */
  | "sibling task failed"
  /** The leader of its group has ended. */
  | "leader task dead"
  /** By command; it starts again in place. */
  | "restart requested"
  /** The guest shut itself down but QEMU lives on (`-no-shutdown`). */
  | "guest shut down";

/** The signals that end QEMU: on SIGTERM it flushes its disks, on SIGKILL it cannot. */
export type ForceSignal = "SIGTERM" | "SIGKILL";
export const FORCE_SIGNALS = ["SIGTERM", "SIGKILL"] as const satisfies readonly ForceSignal[];

/** A request to stop, with everything the ladder needs; times in milliseconds. */
export interface StopOrder {
  readonly cause: StopCause;
  /** Since 1970. */
  readonly requestedAt: number;
  /** `graceful_shutdown`: the guest is asked first. */
  readonly graceful: boolean;
  readonly shutdownDelay: number;
  readonly killTimeout: number;
  /** The machine has a channel to a guest agent, which is asked before the button is pressed; records of before have none. */
  readonly guestAgent?: boolean | undefined;
  /** `stop -signal`: nobody is asked and nothing is waited for, the ladder begins at this rung. */
  readonly force?: ForceSignal | undefined;
  /** The task whose end stops this one. */
  readonly sibling?: string | undefined;
}

/** The rungs, gentlest first. */
export type Rung = "guest-agent" | "powerdown" | "quit" | "SIGTERM" | "SIGKILL";
export const RUNGS = ["guest-agent", "powerdown", "quit", "SIGTERM", "SIGKILL"] as const satisfies readonly Rung[];

export interface LadderTry {
  readonly rung: Rung;
  /** Milliseconds since 1970. */
  readonly at: number;
  /** What came of it, for the receipt: `accepted`, `monitor not connected`, … */
  readonly answer: string | null;
  /** Whether it reached whom it was meant for; undefined while that is not known, and in records of before. */
  readonly accepted?: boolean | undefined;
}

/** What came of a rung. */
export interface RungAnswer {
  /** For the receipt. */
  readonly words: string;
  /** Whether it reached whom it was meant for. */
  readonly accepted: boolean;
}

/** A press that came before the guest had enabled its button is lost, so it is repeated; measured to bring every guest down. */
const PRESS_EVERY = 500;
/** After these presses the guest has heard it or never will: once in `SLOW_PRESS_EVERY` is enough. */
const FAST_PRESSES = 20;
const SLOW_PRESS_EVERY = 2_000;

/** Most that a guest agent gets to answer, in milliseconds; one that runs answers within some 10. */
const AGENT_PATIENCE = 1_500;
/** Most that a guest gets to itself after its agent took the order and before its button is pressed too, in milliseconds. */
const AGENT_HEAD_START = 5_000;

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
  if (order.force !== undefined) return order.requestedAt;
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
  if (order.force !== undefined) return nextSignal(order.force, tries, now);
  const force = Math.min(forceBegins(order), shutdownAt === null ? Number.POSITIVE_INFINITY : shutdownAt + LINGER);
  if (shutdownAt !== null) return now < force ? { kind: "wait", until: force } : nextForce(tries, now, force);
  const guestTime = order.requestedAt + order.shutdownDelay;
  if (now < guestTime) return { kind: "wait", until: guestTime };
  if (now < force) return nextAsking(order, tries, now, force);
  return nextForce(tries, now, force);
}

/** The guest agent first where there is one; the button as soon as it does not answer, or the guest is not down after a while. */
function nextAsking(order: StopOrder, tries: readonly LadderTry[], now: number, force: number): LadderStep {
  if (order.guestAgent !== true) return nextPress(tries, now, force);
  const asked = tries.find((entry) => entry.rung === "guest-agent");
  if (asked === undefined) return { kind: "try", rung: "guest-agent" };
  const until = Math.min(asked.at + patienceWith(order, asked), force);
  return now < until ? { kind: "wait", until } : nextPress(tries, now, force);
}

/** How long the button waits for what the guest agent does. */
function patienceWith(order: StopOrder, asked: LadderTry): number {
  if (asked.accepted === undefined) return agentPatience(order);
  return asked.accepted ? Math.min(AGENT_HEAD_START, order.killTimeout / 2) : 0;
}

/** How long the guest agent may take to answer, in milliseconds: a part of kill_timeout, for the button needs its time too. */
function agentPatience({ killTimeout }: StopOrder): number {
  return Math.min(AGENT_PATIENCE, killTimeout / 4);
}

function nextPress(tries: readonly LadderTry[], now: number, force: number): LadderStep {
  const presses = tries.filter((entry) => entry.rung === "powerdown");
  const last = presses.at(-1);
  if (last === undefined) return { kind: "try", rung: "powerdown" };
  const due = last.at + (presses.length < FAST_PRESSES ? PRESS_EVERY : SLOW_PRESS_EVERY);
  return now >= due ? { kind: "try", rung: "powerdown" } : { kind: "wait", until: Math.min(due, force) };
}

function nextForce(tries: readonly LadderTry[], now: number, force: number): LadderStep {
  // An agent that comes back after the deadline still asks QEMU to flush the disks before it kills, so each rung counts from
  // the one before it rather than from the clock alone.
  const quitAt = triedAt(tries, "quit");
  if (quitAt === undefined) return { kind: "try", rung: "quit" };
  if (triedAt(tries, "SIGTERM") === undefined) return dueAt(quitAt + SIGTERM_AFTER, now, "SIGTERM");
  if (triedAt(tries, "SIGKILL") === undefined) return dueAt(quitAt + SIGKILL_AFTER, now, "SIGKILL");
  return lastLook(Math.max(force, quitAt) + FORCE_BUDGET, now);
}

/** `stop -signal`, also in the middle of another stop, whose rungs do not count. */
function nextSignal(first: ForceSignal, tries: readonly LadderTry[], now: number): LadderStep {
  const termAt = triedAt(tries, "SIGTERM");
  const killAt = triedAt(tries, "SIGKILL");
  if (killAt !== undefined) return lastLook(killAt + FORCE_BUDGET - SIGKILL_AFTER, now);
  if (first === "SIGKILL") return { kind: "try", rung: "SIGKILL" };
  return termAt === undefined ? { kind: "try", rung: "SIGTERM" } : dueAt(termAt + SIGTERM_AFTER, now, "SIGKILL");
}

function triedAt(tries: readonly LadderTry[], rung: Rung): number | undefined {
  return tries.find((entry) => entry.rung === rung)?.at;
}

function dueAt(due: number, now: number, rung: Rung): LadderStep {
  return now >= due ? { kind: "try", rung } : { kind: "wait", until: due };
}

function lastLook(end: number, now: number): LadderStep {
  return now < end ? { kind: "wait", until: end } : { kind: "exhausted" };
}

/**
 * How long an answer to a rung is waited for, in milliseconds: never into the time of the next one, or a monitor that hangs would
 * hold up the ladder.
 */
export function answerPatience(order: StopOrder, rung: Rung, now: number): number {
  switch (rung) {
    case "guest-agent":
      return agentPatience(order);
    case "powerdown":
      return Math.max(PRESS_EVERY, Math.min(MONITOR_PATIENCE, forceBegins(order) - now));
    case "quit":
      return SIGTERM_AFTER - PATIENCE_MARGIN;
    case "SIGTERM":
    case "SIGKILL":
      return SIGKILL_AFTER - SIGTERM_AFTER;
    default:
      return unreachable(rung);
  }
}

const MONITOR_PATIENCE = 5_000;
const PATIENCE_MARGIN = 100;

/** The rung in words, for events and receipts. */
export function rungText(rung: Rung): string {
  switch (rung) {
    case "guest-agent":
      return "guest agent";
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
