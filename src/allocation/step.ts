import { formatDuration, MILLISECOND } from "../base/units.ts";
import { endByItself, endStopped, type Finish, type MachineEffect, report, type Step } from "./effect.ts";
import { type LadderTry, LINGER, nextStep, type Rung, rungText, type StopOrder } from "./ladder.ts";
import type { GuestStatus, Live, MachineEvent, MachineEventKind, MachineState, MachineStateKind } from "./machine.ts";
import { neverStarted, stoppedEnding } from "./receipt.ts";
import type { RestartDecision } from "./restart.ts";

type StateOf<K extends MachineStateKind> = Extract<MachineState, { kind: K }>;
type EventOf<K extends MachineEventKind> = Extract<MachineEvent, { kind: K }>;

/** What a pair of state and event leads to: a step, nothing for a stated reason, or a fault of this program. */
type Cell<S extends MachineStateKind, E extends MachineEventKind> =
  | ((state: StateOf<S>, event: EventOf<E>) => Step)
  | { readonly ignore: string }
  | "bug";

type Table = { readonly [S in MachineStateKind]: { readonly [E in MachineEventKind]: Cell<S, E> } };

/** How often a process that not even SIGKILL ended is looked at, in milliseconds. */
const UNKILLABLE_LOOK = 5_000;

const notYet = { ignore: "no process exists yet" } as const;
const over = { ignore: "the first end wins, later ones are consequences" } as const;

const table: Table = {
  pending: {
    begin: () => ({
      state: { kind: "preparing", generation: 1, cancelled: null },
      effects: [{ kind: "prepare", generation: 1 }],
    }),
    stop_requested: (_, { at, order }) => cancel(1, order, at),
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
    tick: notYet,
    spawned: "bug",
    start_failed: "bug",
    adopted: "bug",
    guest_status: "bug",
    shutdown_seen: "bug",
    rung_answered: "bug",
    gone: "bug",
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
    stop_requested: (state, { order }) => ({ state: { ...state, stop: state.stop ?? order }, effects: [] }),
    tick: { ignore: "the ladder begins when the process is known" },
    prepared: "bug",
    prepare_failed: "bug",
    guest_status: "bug",
    shutdown_seen: "bug",
    rung_answered: "bug",
  },
  running: {
    guest_status: (state, { at, status }) => ({
      state: { ...state, guest: status },
      effects: neverAnswered(state) ? [started(state, at)] : [],
    }),
    shutdown_seen: (state, { at, reason }) => ({
      state: { ...state, shutdown: state.shutdown ?? { reason, at } },
      effects: [{ kind: "wake", at: at + LINGER }],
    }),
    stop_requested: (state, { at, order }) => beginStop(state, order, at),
    tick: (state, { at }) => (state.shutdown === null ? { state, effects: [] } : beginStop(state, lingering(at), at)),
    adopted: (state, { identity }) => ({ state: { ...state, identity, adopted: true }, effects: [{ kind: "watch" }] }),
    gone: (state, { at, ending, next }) =>
      endByItself({ generation: state.generation, ending, at, neverAnswered: neverAnswered(state) }, next),
    rung_answered: "bug",
    begin: "bug",
    prepared: "bug",
    prepare_failed: "bug",
    spawned: "bug",
    start_failed: "bug",
  },
  stopping: {
    tick: (state, { at }) => climb(state, at),
    rung_answered: (state, { rung, answer }) => ({
      state: { ...state, tries: withAnswer(state.tries, rung, answer) },
      effects: [],
    }),
    guest_status: (state, { status }) => ({ state: { ...state, guest: status }, effects: [] }),
    shutdown_seen: (state, { at, reason }) => ({
      state: { ...state, shutdown: state.shutdown ?? { reason, at } },
      effects: [{ kind: "wake", at }],
    }),
    stop_requested: (state, { order }) =>
      // What is only being tidied up after its guest shut down is now meant to stay down.
      state.order.cause === "guest shut down" ? { state: { ...state, order }, effects: [] } : { state, effects: [] },
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
  },
  backoff: {
    tick: (state, { at }) => startAgain(state, at),
    // After an agent's restart.
    begin: (state, { at }) => startAgain(state, at),
    stop_requested: ({ generation, ending }, { at, order }) => ({
      state: { kind: "ended", generation, ending, failed: false },
      effects: [{ kind: "clean_up" }, report("Killed", at, `Task will not start again (${order.cause})`)],
    }),
    guest_status: over,
    shutdown_seen: over,
    rung_answered: over,
    gone: over,
    prepared: "bug",
    prepare_failed: "bug",
    spawned: "bug",
    start_failed: "bug",
    adopted: "bug",
  },
  ended: {
    tick: over,
    guest_status: over,
    shutdown_seen: over,
    rung_answered: over,
    gone: over,
    stop_requested: { ignore: "it has ended already" },
    begin: "bug",
    prepared: "bug",
    prepare_failed: "bug",
    spawned: "bug",
    start_failed: "bug",
    adopted: "bug",
  },
};

/**
 * Moves a machine: pure and total over every pair of state and event.
 * @throws Error for a pair that no right program produces.
 */
export function step(state: MachineState, event: MachineEvent): Step {
  const cell = table[state.kind][event.kind] as Cell<MachineStateKind, MachineEventKind>;
  if (cell === "bug") throw new Error(`machine in state ${state.kind} cannot take event ${event.kind}`);
  if (typeof cell === "function") return cell(state as never, event as never);
  return { state, effects: [] };
}

/** Why a pair changes nothing, or undefined when it does something or must not happen. */
export function ignoredBecause(state: MachineStateKind, event: MachineEventKind): string | undefined {
  const cell = table[state][event] as Cell<MachineStateKind, MachineEventKind>;
  return typeof cell === "object" ? cell.ignore : undefined;
}

function goLive(state: StateOf<"starting">, found: { identity: Live["identity"]; at: number; adopted: boolean }): Step {
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

function neverAnswered(live: Live): boolean {
  return live.guest === "unknown" && !live.adopted;
}

function startAgain(state: StateOf<"backoff">, at: number): Step {
  if (at < state.until) return { state, effects: [{ kind: "wake", at: state.until }] };
  const generation = state.generation + 1;
  return { state: { kind: "preparing", generation, cancelled: null }, effects: [{ kind: "prepare", generation }] };
}

function cancel(generation: number, order: StopOrder, at: number): Step {
  return endStopped({ generation, ending: neverStarted(at, order), at });
}

function endStarting({ stop }: StateOf<"starting">, finish: Finish, next: RestartDecision): Step {
  if (stop === null) return endByItself(finish, next);
  return endStopped({ ...finish, ending: stoppedEnding({ order: stop, tries: [] }, finish.ending, finish.at) });
}

/** Said when QEMU first answered: before that it may still refuse its command line. */
function started(live: Live, at: number): MachineEffect {
  return report("Started", at, "Task started by client", { pid: String(live.identity.pid) });
}

function lingering(at: number): StopOrder {
  return { cause: "guest shut down", requestedAt: at, graceful: false, shutdownDelay: 0, killTimeout: 0 };
}

/** In these states of QEMU no guest runs that could hear the button. */
const DEAF_STATUSES: readonly GuestStatus[] = ["prelaunch", "inmigrate", "shutdown", "guest-panicked"];

function beginStop(state: StateOf<"running">, asked: StopOrder, at: number): Step {
  const order = DEAF_STATUSES.includes(state.guest) ? { ...asked, graceful: false } : asked;
  const patience = formatDuration((order.shutdownDelay + (order.graceful ? order.killTimeout : 0)) * MILLISECOND);
  const how = order.graceful
    ? `pressing the power button; force begins after ${patience}`
    : asked.graceful
      ? `no guest runs (${state.guest}); QEMU is told to quit`
      : "without asking the guest; QEMU is told to quit";
  return {
    state: { ...state, kind: "stopping", order, tries: [] },
    effects: [report("Killing", at, `Stopping (${order.cause}): ${how}`, { cause: order.cause }), { kind: "wake", at }],
  };
}

function climb(state: StateOf<"stopping">, at: number): Step {
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

function withAnswer(tries: readonly LadderTry[], rung: Rung, answer: string): readonly LadderTry[] {
  const index = tries.findIndex((entry) => entry.rung === rung && entry.answer === null);
  return tries.map((entry, at) => (at === index ? { ...entry, answer } : entry));
}

function endStopping(state: StateOf<"stopping">, finish: Finish, next: RestartDecision): Step {
  const { generation, at } = finish;
  const ending = stoppedEnding(state, finish.ending, at);
  if (state.order.cause === "guest shut down") return endByItself({ generation, at, ending: finish.ending }, next);
  const { rung, took } = ending.stop;
  const by = rung === null ? "ended by itself" : `ended by ${rungText(rung)}`;
  const message = `Task successfully killed: ${by} after ${formatDuration(Math.round(took) * MILLISECOND)}`;
  return endStopped({ generation, at, ending }, [report("Killed", at, message)]);
}
