import type { WireTaskState } from "../contract/task-state.ts";
import { type Piece, statusPiece } from "./style.ts";
import { formatTime } from "./time.ts";

type Machine = Pick<WireTaskState["Paddock"], "Guest" | "Standstill">;

const FAULTS = { nospace: "disk full", failed: "disk error", unknown: "disk error" } as const;

/** What the guest does, in a few words: QEMU's own, but for a guest that stands still because of its disk. */
export function guestPiece(machine: Machine | null): Piece {
  const fault = machine?.Standstill;
  if (!fault) return statusPiece(machine?.Guest ?? "-");
  return { text: `paused: ${FAULTS[fault.Status]}`, style: "red" };
}

/** The same with what comes next. */
export function guestSentence(machine: Machine): Piece {
  const fault = machine.Standstill;
  if (!fault) return guestPiece(machine);
  const where = fault.Device === null ? "" : ` of ${fault.Device}`;
  const since = `paused: ${FAULTS[fault.Status]} (io-error${where}) since ${formatTime(fault.Since)}`;
  return { text: `${since}; ${nextOf(fault)}`, style: "red" };
}

function nextOf({ Status, Held }: NonNullable<Machine["Standstill"]>): string {
  if (Held) return "it was paused by command too and goes on by paddock vm power resume";
  return Status === "nospace"
    ? "it goes on by itself once there is room on the host's file system"
    : "once its disk is mended, paddock vm power resume lets it go on";
}
