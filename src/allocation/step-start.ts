import {
  endByItself,
  endForRestart,
  endStopped,
  type Finish,
  type MachineEffect,
  report,
  type Step,
} from "./effect.ts";
import type { StopOrder } from "./ladder.ts";
import type { Live, MachineState, MachineStateKind } from "./machine.ts";
import { isRestart, mergeOrders } from "./order.ts";
import { neverStarted, stoppedEnding } from "./receipt.ts";
import type { RestartDecision } from "./restart.ts";
import { beginStop } from "./step-stop.ts";

type StateOf<K extends MachineStateKind> = Extract<MachineState, { kind: K }>;

/** The process is known: the machine runs, or is stopped at once when that was asked meanwhile. */
export function goLive(
  state: StateOf<"starting">,
  found: { identity: Live["identity"]; at: number; adopted: boolean },
): Step {
  const live: Live = {
    generation: state.generation,
    identity: found.identity,
    startedAt: found.adopted ? state.since : found.at,
    guest: "unknown",
    shutdown: null,
    adopted: found.adopted,
  };
  const effects: MachineEffect[] = [{ kind: "watch" }];
  if (state.stop === null) return { state: { kind: "running", ...live }, effects };
  const stopping = beginStop({ kind: "running", ...live }, state.stop, found.at);
  return { state: stopping.state, effects: [...effects, ...stopping.effects] };
}

/** Whether QEMU has not said yet that it took its command line. */
export function neverAnswered(live: Live): boolean {
  return live.guest === "unknown" && !live.adopted;
}

/**
 * The next start when its time has come. An end that is still to come was told by the clock of a host that has started anew since, and
 * that clock says nothing of how long to wait. @param at milliseconds since 1970.
 */
export function startAgain(state: StateOf<"backoff">, at: number): Step {
  if (state.ending.at <= at && at < state.until) return { state, effects: [{ kind: "wake", at: state.until }] };
  return startNow(state);
}

/** The next start, whether or not its time has come. */
export function startNow(state: StateOf<"backoff">): Step {
  const generation = state.generation + 1;
  return { state: { kind: "preparing", generation, cancelled: null }, effects: [{ kind: "prepare", generation }] };
}

/** Keeps the order to stop for when the process is known. */
export function stopStarting(state: StateOf<"starting">, order: StopOrder): Step {
  const stop = state.stop === null ? order : mergeOrders(state.stop, order);
  return { state: stop === state.stop ? state : { ...state, stop }, effects: [] };
}

/** Ends a machine that never had a process. @param at milliseconds since 1970. */
export function cancel(generation: number, order: StopOrder, at: number): Step {
  return endStopped({ generation, ending: neverStarted(at, order), at });
}

/** Ends a start that came to nothing; one that was being stopped is no failure. */
export function endStarting({ stop }: StateOf<"starting">, finish: Finish, next: RestartDecision): Step {
  // A start that came to nothing is no machine that could be told to start again: its policy decides.
  if (stop === null || (isRestart(stop) && finish.ending.reason === "not-started")) return endByItself(finish, next);
  if (isRestart(stop)) return endForRestart(finish, "it had ended meanwhile");
  return endStopped({ ...finish, ending: stoppedEnding({ order: stop, tries: [] }, finish.ending, finish.at) });
}

/** Said when QEMU first answered: before that it may still refuse its command line. */
export function started(live: Live, at: number): MachineEffect {
  return report("Started", at, "Task started by client", { pid: String(live.identity.pid) });
}
