import { report } from "../allocation/effect.ts";
import type { MachineState } from "../allocation/machine.ts";
import { AppError } from "../base/errors.ts";
import type { QmpClient } from "../qmp/client.ts";
import { cont, queryStatus, stop, systemPowerdown, systemReset } from "../qmp/commands.ts";
import { QmpError } from "../qmp/errors.ts";
import type { Desk } from "./desk.ts";
import { isStopped, SENT, type SentSignal, signalProcess } from "./signal.ts";

/** What a person may do to a machine's power. */
export type PowerAction = "press" | "reset" | "pause" | "resume";

/** What came of it. */
export interface PowerOutcome {
  /** QEMU's word for the guest afterwards: `running`, `paused`, … */
  readonly guest: string;
  /** One sentence for people. */
  readonly message: string;
}

type Running = Extract<MachineState, { kind: "running" }>;

/** How long the monitor may take for each command, in milliseconds. */
const PATIENCE = 5_000;

/**
 * Presses, resets, pauses or resumes a machine that runs. It goes into the task's history before it is done.
 * @throws AppError `conflict` when no machine runs or QEMU refuses, `unavailable` or `timeout` when its monitor does not answer.
 */
export async function operatePower(desk: Desk, action: PowerAction): Promise<PowerOutcome> {
  const machine = runningMachine(desk);
  assertAwake(desk, machine);
  const client = await desk.hands.watch?.awaitMonitor();
  if (client === undefined) throw new AppError("unavailable", "the monitor is not connected", { hint: AGAIN });
  desk.report(report("Driver", desk.context.clock.now(), EVENTS[action], { power: action }).event);
  try {
    const before = (await queryStatus(client, PATIENCE)).status;
    const after = await perform(client, action);
    const held = keepHold(desk, action, after);
    return { guest: after ?? "unknown", message: `${describe(action, before, after)}${held}` };
  } catch (error) {
    assertAwake(desk, machine);
    throw explain(error);
  }
}

/**
 * QEMU takes no note of a pause while the guest stands still because its disk is full; without ours it would go on as soon as there is
 * room. @returns what there is to tell of it.
 */
function keepHold({ send, context }: Desk, action: PowerAction, after: string | null): string {
  if (after === null || (action !== "pause" && action !== "resume")) return "";
  const held = action === "pause";
  if (held && after !== "io-error") return "";
  send({ kind: "guest_status", at: context.clock.now(), status: after, held });
  return held ? "; it stays so until it is resumed by command, also when there is room on its disk again" : "";
}

/**
 * A guest that powers off at once takes its QEMU along, monitor and answer: that is what it was told, and no failure.
 * @returns the state afterwards; null when the monitor closed. @throws QmpError.
 */
async function perform(client: QmpClient, action: PowerAction): Promise<string | null> {
  try {
    await COMMANDS[action](client, PATIENCE);
    return (await queryStatus(client, PATIENCE)).status;
  } catch (error) {
    if (error instanceof QmpError && error.failure === "disconnected") return null;
    throw error;
  }
}

/** @throws AppError `conflict` for a QEMU that hears nothing. */
function assertAwake({ context }: Desk, { identity }: Running): void {
  if (!isStopped(identity, context.bootId)) return;
  throw new AppError("conflict", `QEMU (pid ${identity.pid}) was stopped by a signal and hears nothing`, {
    hint: "let it run on with: paddock alloc signal -s SIGCONT ALLOCATION",
  });
}

const AGAIN = "try again in a moment; when it stays so, paddock stop ends the machine all the same";

const EVENTS: Readonly<Record<PowerAction, string>> = {
  press: "Power button pressed by command",
  reset: "Machine reset by command",
  pause: "Machine paused by command",
  resume: "Machine resumed by command",
};

const COMMANDS: Readonly<Record<PowerAction, (client: QmpClient, millis: number) => Promise<void>>> = {
  press: systemPowerdown,
  reset: systemReset,
  pause: stop,
  resume: cont,
};

function describe(action: PowerAction, before: string, after: string | null): string {
  const now = after === null ? "QEMU closed its monitor then" : `the guest is ${after}`;
  switch (action) {
    case "press":
      return `pressed the power button; ${now}${after === "paused" ? " and hears it once it runs" : ""}`;
    case "reset":
      return `reset the machine; ${now}`;
    case "pause":
      return before === after ? `nothing was to be paused; ${now} already` : `paused the machine; ${now}`;
    case "resume":
      return before === after ? `nothing came of it; ${now} still` : `resumed the machine, which was ${before}; ${now}`;
  }
}

/** QEMU's refusal is the machine's state, not a fault of the agent. */
function explain(error: unknown): unknown {
  if (!(error instanceof QmpError) || error.hint !== undefined) return error;
  const hint = error.failure === "refused" ? "paddock status shows what the guest does" : AGAIN;
  return new AppError(error.code, error.message, { hint, cause: error });
}

/**
 * Sends a signal to the QEMU of a machine that runs, and to no other process. What ends it so counts as an end of its own: the
 * restart policy decides what follows.
 * @throws AppError `conflict` when no machine runs, or the signal could not be sent.
 */
export async function signalMachine(desk: Desk, signal: SentSignal): Promise<void> {
  const { identity } = runningMachine(desk);
  const { context } = desk;
  desk.report(report("Signaling", context.clock.now(), `Task being sent ${signal} by command`, { signal }).event);
  const sent = await signalProcess(identity, context.bootId, signal);
  if (sent !== SENT)
    throw new AppError("conflict", `${signal} was not sent to the machine of task "${desk.task}": ${sent}`);
}

/** @throws AppError `conflict` when the task has no machine that runs. */
function runningMachine(desk: Desk): Running {
  const machine = desk.allocation().tasks[desk.task]?.machine;
  if (machine?.kind === "running") return machine;
  const { state, hint } = NOT_RUNNING[machine?.kind ?? "ended"];
  throw new AppError("conflict", `the machine of task "${desk.task}" does not run: it ${state}`, { hint });
}

const SOON = { state: "is about to start", hint: "try again in a moment" };

const NOT_RUNNING: Readonly<Record<Exclude<MachineState["kind"], "running">, { state: string; hint: string }>> = {
  pending: SOON,
  preparing: SOON,
  starting: SOON,
  stopping: { state: "is being stopped", hint: "a stop can be made harder: paddock stop -signal SIGKILL JOB" },
  backoff: { state: "waits for its next start", hint: "paddock alloc restart ALLOCATION starts it now" },
  ended: { state: "has ended", hint: "paddock job run starts its job again" },
};
