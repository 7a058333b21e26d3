import { formatDuration, MILLISECOND } from "../base/units.ts";
import {
  endByItself,
  endForRestart,
  endStopped,
  type Finish,
  type MachineEffect,
  report,
  type Step,
} from "./effect.ts";
import {
  forceBegins,
  type LadderTry,
  nextStep,
  type Rung,
  type RungAnswer,
  rungText,
  type StopOrder,
} from "./ladder.ts";
import type { GuestStatus, MachineEvent, MachineState, MachineStateKind } from "./machine.ts";
import { isRestart, mergeOrders } from "./order.ts";
import { stoppedEnding } from "./receipt.ts";
import type { RestartDecision } from "./restart.ts";

type StateOf<K extends MachineStateKind> = Extract<MachineState, { kind: K }>;

/** How often a process that not even SIGKILL ended is looked at, in milliseconds. */
const UNKILLABLE_LOOK = 5_000;

/** The order for a QEMU that lives on after its guest shut down. @param at milliseconds since 1970. */
export function lingering(at: number): StopOrder {
  return { cause: "guest shut down", requestedAt: at, graceful: false, shutdownDelay: 0, killTimeout: 0 };
}

/** In these states of QEMU no guest runs that could hear the button. */
const DEAF_STATUSES: readonly GuestStatus[] = ["prelaunch", "inmigrate", "shutdown", "guest-panicked"];

/** Takes the order to stop; a guest that cannot hear its button is not asked. @param at milliseconds since 1970. */
export function beginStop(state: StateOf<"running">, asked: StopOrder, at: number): Step {
  const order = DEAF_STATUSES.includes(state.guest) ? { ...asked, graceful: false } : asked;
  const how = describePlan(order, asked.graceful ? `no guest runs (${state.guest})` : "without asking the guest");
  return {
    state: { ...state, kind: "stopping", order, tries: [] },
    effects: [report("Killing", at, `Stopping (${order.cause}): ${how}`, { cause: order.cause }), { kind: "wake", at }],
  };
}

/** What Nomad's history says of a machine that is stopped because of another one of its group. */
export function tellWhose({ at, order }: Extract<MachineEvent, { kind: "stop_requested" }>): readonly MachineEffect[] {
  const { cause, sibling = "" } = order;
  if (cause === "leader task dead") return [report("Leader Task Dead", at, "Leader Task in Group dead")];
  if (cause !== "sibling task failed") return [];
  return [report("Sibling Task Failed", at, `Task's sibling "${sibling}" failed`, { failed_sibling: sibling })];
}

/** Stops a machine that a check found unhealthy; one whose guest has shut down already ends by itself. */
export function beginRestart(
  state: StateOf<"running">,
  { at, generation, order, reason }: Extract<MachineEvent, { kind: "unhealthy" }>,
): Step {
  if (generation !== state.generation || state.shutdown !== null) return { state, effects: [] };
  const { state: next, effects } = beginStop(state, order, at);
  return { state: next, effects: [report("Restart Signaled", at, reason, { restart_reason: reason }), ...effects] };
}

function describePlan(order: StopOrder, ungracious: string): string {
  if (order.force !== undefined) return `${order.force} at once, without asking the guest`;
  if (!order.graceful) return `${ungracious}; QEMU is told to quit`;
  const patience = formatDuration((forceBegins(order) - order.requestedAt) * MILLISECOND);
  const asking = order.guestAgent === true ? "asking the guest agent, then pressing" : "pressing";
  return `${asking} the power button; force begins after ${patience}`;
}

/** A machine that is being stopped is told so once more: as a rule nothing changes. @param at milliseconds since 1970. */
export function stopHarder(state: StateOf<"stopping">, asked: StopOrder, at: number): Step {
  const order = mergeOrders(state.order, asked);
  if (order === state.order) return { state, effects: [] };
  const forced = order.force !== undefined && order.force !== state.order.force;
  const how = forced ? `${order.force} at once` : "it will not start again";
  return {
    state: { ...state, order },
    effects: [report("Killing", at, `Stopping (${order.cause}): ${how}`, { cause: order.cause }), { kind: "wake", at }],
  };
}

/** What is only being tidied up after its guest shut down, or is unhealthy, starts again, which its policy might not have it do. */
export function restartStopping(state: StateOf<"stopping">, order: StopOrder): Step {
  const { cause } = state.order;
  if (cause === "guest shut down") return { state: { ...state, order }, effects: [] };
  if (cause !== "unhealthy") return { state, effects: [] };
  return { state: { ...state, order: { ...state.order, cause: order.cause } }, effects: [] };
}

/** The next rung, or when it is due. @param at milliseconds since 1970. */
export function climb(state: StateOf<"stopping">, at: number): Step {
  const next = nextStep(state.order, state.tries, at, state.shutdown?.at ?? null);
  switch (next.kind) {
    case "wait":
      return { state, effects: [{ kind: "wake", at: next.until }] };
    case "try": {
      const tries = [...state.tries, { rung: next.rung, at, answer: null }];
      return {
        state: { ...state, tries },
        effects: [
          { kind: "climb", rung: next.rung },
          { kind: "wake", at: at + 1 },
        ],
      };
    }
    case "exhausted": {
      const first = state.guest !== "unkillable";
      const message =
        "SIGKILL did not end the process: it is in uninterruptible sleep in the kernel, often a dead disk or NFS server";
      return {
        state: { ...state, guest: "unkillable" },
        effects: [...(first ? [report("Killing", at, message)] : []), { kind: "wake", at: at + UNKILLABLE_LOOK }],
      };
    }
  }
}

/** Keeps what came of the oldest open try of a rung; what it was may change when the next is due. @param at milliseconds since 1970. */
export function takeAnswer(state: StateOf<"stopping">, rung: Rung, answer: RungAnswer, at: number): Step {
  return { state: { ...state, tries: withAnswer(state.tries, rung, answer) }, effects: [{ kind: "wake", at }] };
}

function withAnswer(tries: readonly LadderTry[], rung: Rung, answer: RungAnswer): readonly LadderTry[] {
  const index = tries.findIndex((entry) => entry.rung === rung && entry.answer === null);
  return tries.map((entry, at) =>
    at === index ? { ...entry, answer: answer.words, accepted: answer.accepted } : entry,
  );
}

/** Ends a machine that was being stopped, with its receipt. */
export function endStopping(state: StateOf<"stopping">, finish: Finish, next: RestartDecision): Step {
  const { generation, at } = finish;
  const ending = stoppedEnding(state, finish.ending, at);
  if (state.order.cause === "guest shut down") return endByItself({ generation, at, ending: finish.ending }, next);
  // An end that a failing check has caused counts as the machine's own failure, as in Nomad.
  if (state.order.cause === "unhealthy") {
    return endByItself({ generation, at, ending: { ...ending, failed: true } }, next);
  }
  const { rung, took } = ending.stop;
  const by = rung === null ? "ended by itself" : `ended by ${rungText(rung)}`;
  const how = `${by} after ${formatDuration(Math.round(took) * MILLISECOND)}`;
  if (isRestart(state.order)) return endForRestart({ generation, at, ending }, how);
  return endStopped({ generation, at, ending }, [report("Killed", at, `Task successfully killed: ${how}`)]);
}
