import { endByItself, report, type Step } from "./effect.ts";
import { LINGER } from "./ladder.ts";
import type { MachineEvent, MachineEventKind, MachineState, MachineStateKind } from "./machine.ts";
import { takeStatus, withStatus } from "./standstill.ts";
import {
  cancel,
  endStarting,
  goLive,
  neverAnswered,
  startAgain,
  started,
  startNow,
  stopStarting,
} from "./step-start.ts";
import {
  beginRestart,
  beginStop,
  climb,
  endStopping,
  lingering,
  restartStopping,
  stopHarder,
  takeAnswer,
  tellWhose,
} from "./step-stop.ts";

type StateOf<K extends MachineStateKind> = Extract<MachineState, { kind: K }>;
type EventOf<K extends MachineEventKind> = Extract<MachineEvent, { kind: K }>;

/** What a pair of state and event leads to: a step, nothing for a stated reason, or a fault of this program. */
type Cell<S extends MachineStateKind, E extends MachineEventKind> =
  | ((state: StateOf<S>, event: EventOf<E>) => Step)
  | { readonly ignore: string }
  | "bug";

type Table = { readonly [S in MachineStateKind]: { readonly [E in MachineEventKind]: Cell<S, E> } };

const notYet = { ignore: "no process exists yet" } as const;
const fresh = { ignore: "the start that is to come is a new one already" } as const;
const over = { ignore: "the first end wins, later ones are consequences" } as const;

const table: Table = {
  pending: {
    begin: () => ({
      state: { kind: "preparing", generation: 1, cancelled: null },
      effects: [{ kind: "prepare", generation: 1 }],
    }),
    stop_requested: (_, { at, order }) => cancel(1, order, at),
    restart_requested: fresh,
    tick: notYet,
    prepared: "bug",
    prepare_failed: "bug",
    spawned: "bug",
    start_failed: "bug",
    adopted: "bug",
    guest_status: "bug",
    shutdown_seen: "bug",
    rung_answered: "bug",
    gone: "bug",
    unhealthy: notYet,
  },
  preparing: {
    // After an agent's restart: nothing was spawned, so what was under way is done again.
    begin: (state, { at }) =>
      state.cancelled === null
        ? { state, effects: [{ kind: "prepare", generation: state.generation }] }
        : cancel(state.generation, state.cancelled, at),
    prepared: (state, { at }) =>
      state.cancelled === null
        ? {
            state: { kind: "starting", generation: state.generation, since: at, stop: null },
            effects: [{ kind: "launch", generation: state.generation }],
          }
        : cancel(state.generation, state.cancelled, at),
    prepare_failed: (state, { at, ending, next }) =>
      state.cancelled === null
        ? endByItself({ generation: state.generation, ending, at }, next)
        : cancel(state.generation, state.cancelled, at),
    stop_requested: (state, { order }) =>
      state.cancelled === null
        ? { state: { ...state, cancelled: order }, effects: [{ kind: "cancel_prepare" }] }
        : { state, effects: [] },
    restart_requested: fresh,
    tick: notYet,
    spawned: "bug",
    start_failed: "bug",
    adopted: "bug",
    guest_status: "bug",
    shutdown_seen: "bug",
    rung_answered: "bug",
    gone: "bug",
    unhealthy: notYet,
  },
  starting: {
    // After an agent's restart, when it is certain that the spawn never happened.
    begin: (state, { at }) =>
      state.stop === null
        ? {
            state: { kind: "preparing", generation: state.generation + 1, cancelled: null },
            effects: [{ kind: "prepare", generation: state.generation + 1 }],
          }
        : cancel(state.generation, state.stop, at),
    spawned: (state, { at, identity }) => goLive(state, { identity, at, adopted: false }),
    adopted: (state, { at, identity }) => goLive(state, { identity, at, adopted: true }),
    start_failed: (state, { at, ending, next }) =>
      endStarting(state, { generation: state.generation, ending, at }, next),
    gone: (state, { at, ending, next }) => endStarting(state, { generation: state.generation, ending, at }, next),
    stop_requested: (state, { order }) => stopStarting(state, order),
    restart_requested: (state, { order }) => ({ state: { ...state, stop: state.stop ?? order }, effects: [] }),
    tick: { ignore: "the ladder begins when the process is known" },
    prepared: "bug",
    prepare_failed: "bug",
    guest_status: "bug",
    shutdown_seen: "bug",
    rung_answered: "bug",
    unhealthy: notYet,
  },
  running: {
    guest_status: (state, event) => {
      const { state: next, effects } = takeStatus(state, event);
      return { state: next, effects: neverAnswered(state) ? [started(state, event.at), ...effects] : effects };
    },
    shutdown_seen: (state, { at, reason }) => ({
      state: { ...state, shutdown: state.shutdown ?? { reason, at } },
      effects: [{ kind: "wake", at: at + LINGER }],
    }),
    stop_requested: (state, { at, order }) => beginStop(state, order, at),
    restart_requested: (state, { at, order }) => beginStop(state, order, at),
    tick: (state, { at }) => (state.shutdown === null ? { state, effects: [] } : beginStop(state, lingering(at), at)),
    adopted: (state, { identity }) => ({
      state: { ...state, identity, adopted: true },
      effects: [
        { kind: "watch" },
        ...(state.shutdown === null ? [] : [{ kind: "wake", at: state.shutdown.at + LINGER } as const]),
      ],
    }),
    gone: (state, { at, ending, next }) =>
      endByItself({ generation: state.generation, ending, at, neverAnswered: neverAnswered(state) }, next),
    rung_answered: "bug",
    begin: "bug",
    prepared: "bug",
    prepare_failed: "bug",
    spawned: "bug",
    start_failed: "bug",
    unhealthy: (state, event) => beginRestart(state, event),
  },
  stopping: {
    tick: (state, { at }) => climb(state, at),
    rung_answered: (state, { at, rung, answer }) => takeAnswer(state, rung, answer, at),
    guest_status: (state, event) => ({ state: withStatus(state, event), effects: [] }),
    shutdown_seen: (state, { at, reason }) => ({
      state: { ...state, shutdown: state.shutdown ?? { reason, at } },
      effects: [{ kind: "wake", at }],
    }),
    // What is only being tidied up after its guest shut down, or was to start again, is now meant to stay down.
    stop_requested: (state, { at, order }) => stopHarder(state, order, at),
    restart_requested: (state, { order }) => restartStopping(state, order),
    adopted: (state, { at, identity }) => ({
      state: { ...state, identity, adopted: true },
      effects: [{ kind: "watch" }, { kind: "wake", at }],
    }),
    gone: (state, { at, ending, next }) => endStopping(state, { generation: state.generation, ending, at }, next),
    begin: "bug",
    prepared: "bug",
    prepare_failed: "bug",
    spawned: "bug",
    start_failed: "bug",
    unhealthy: over,
  },
  backoff: {
    tick: (state, { at }) => startAgain(state, at),
    // After an agent's restart.
    begin: (state, { at }) => startAgain(state, at),
    stop_requested: ({ generation, ending }, { at, order }) => ({
      state: { kind: "ended", generation, ending, failed: false },
      effects: [{ kind: "clean_up" }, report("Killed", at, `Task will not start again (${order.cause})`)],
    }),
    restart_requested: (state) => startNow(state),
    guest_status: over,
    shutdown_seen: over,
    rung_answered: over,
    gone: over,
    prepared: "bug",
    prepare_failed: "bug",
    spawned: "bug",
    start_failed: "bug",
    adopted: "bug",
    unhealthy: over,
  },
  ended: {
    tick: over,
    guest_status: over,
    shutdown_seen: over,
    rung_answered: over,
    gone: over,
    stop_requested: { ignore: "it has ended already" },
    restart_requested: { ignore: "an allocation that has ended is never used again" },
    begin: "bug",
    prepared: "bug",
    prepare_failed: "bug",
    spawned: "bug",
    start_failed: "bug",
    adopted: "bug",
    unhealthy: over,
  },
};

/**
 * Moves a machine: pure and total over every pair of state and event.
 * @throws Error for a pair that no right program produces.
 */
export function step(state: MachineState, event: MachineEvent): Step {
  const cell = table[state.kind][event.kind] as Cell<MachineStateKind, MachineEventKind>;
  if (cell === "bug") throw new Error(`machine in state ${state.kind} cannot take event ${event.kind}`);
  if (typeof cell !== "function") return { state, effects: [] };
  const next = cell(state as never, event as never);
  if (event.kind !== "stop_requested" || next.state === state) return next;
  return { ...next, effects: [...tellWhose(event), ...next.effects] };
}

/** Why a pair changes nothing, or undefined when it does something or must not happen. */
export function ignoredBecause(state: MachineStateKind, event: MachineEventKind): string | undefined {
  const cell = table[state][event] as Cell<MachineStateKind, MachineEventKind>;
  return typeof cell === "object" ? cell.ignore : undefined;
}
