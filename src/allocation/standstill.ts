import { formatDuration, MILLISECOND } from "../base/units.ts";
import type { DiskFault, Standstill } from "./disk-fault.ts";
import { type MachineEffect, report, type Step } from "./effect.ts";
import type { Live, MachineEvent, MachineState } from "./machine.ts";

/** Two that begin within this are told as one, in milliseconds: a QEMU that flips to and fro must not fill the history. */
const TELL_EVERY = 30_000;

type StatusEvent = Extract<MachineEvent, { kind: "guest_status" }>;

/** Takes QEMU's word for the guest. A monitor that is away for a moment says nothing of the disk. */
export function withStatus<S extends Live>(state: S, { at, status, fault, held }: StatusEvent): S {
  const next = { ...state, guest: status };
  if (status === "unreachable") return next;
  if (status !== "io-error") return { ...next, standstill: undefined };
  const told = state.standstillTold === undefined || at >= state.standstillTold + TELL_EVERY;
  const before = state.standstill ?? { device: null, status: "unknown", since: at, held: false, told };
  const standstill = { ...before, ...fault, held: held ?? before.held };
  return { ...next, standstill, ...(state.standstill === undefined && told ? { standstillTold: at } : {}) };
}

/** The same for a machine that runs: its history tells when the guest stands still, and when it goes on. */
export function takeStatus(state: Extract<MachineState, { kind: "running" }>, event: StatusEvent): Step {
  const next = withStatus(state, event);
  const [before, after] = [state.standstill, next.standstill];
  const effects: MachineEffect[] = [];
  const news = before === undefined || (before.status === "unknown" && after?.status !== "unknown");
  if (after?.told && news) effects.push(stands(after, event.at));
  if (before?.told && event.status === "running") effects.push(goesOn(before, event.at));
  return { state: next, effects };
}

function stands({ device, status }: Standstill, at: number): MachineEffect {
  const message = `Guest paused (io-error): ${STANDS[status](device ?? "its disk")}`;
  return report("Driver", at, message, { guest: "io-error", io_status: status, device: device ?? "" });
}

const BY_HAND = "once that is mended, paddock vm power resume lets it go on";

const STANDS: Readonly<Record<DiskFault["status"], (disk: string) => string>> = {
  nospace: (disk) => `disk full, there is no room for what it writes to ${disk}; it goes on by itself when there is`,
  failed: (disk) => `${disk} could not be written; ${BY_HAND}`,
  unknown: (disk) => `${disk} could not be written, and QEMU does not say why; ${BY_HAND}`,
};

function goesOn({ since, device }: Standstill, at: number): MachineEffect {
  const stood = formatDuration(Math.round(Math.max(0, at - since)) * MILLISECOND);
  return report("Driver", at, `Guest goes on, it stood still for ${stood}`, { guest: "running", device: device ?? "" });
}
