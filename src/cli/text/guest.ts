import type { GuestReply } from "../../client/guest-reply.ts";
import { type Piece, statusPiece } from "../terminal/style.ts";
import { formatTime } from "../terminal/time.ts";

const faultOf = (status: string): string => (status === "nospace" ? "disk full" : "disk error");

/** What the guest does, in a few words: QEMU's own, but for a guest that stands still because of its disk. */
export function guestPiece(machine: GuestReply | null): Piece {
  const fault = machine?.Standstill;
  if (!fault) return statusPiece(machine?.Guest ?? "-");
  return { text: `paused: ${faultOf(fault.Status)}`, style: "red" };
}

/** The same with what comes next. */
export function guestSentence(machine: GuestReply): Piece {
  const fault = machine.Standstill;
  if (!fault) return guestPiece(machine);
  const where = fault.Device === null ? "" : ` of ${fault.Device}`;
  const since = `paused: ${faultOf(fault.Status)} (io-error${where}) since ${formatTime(fault.Since)}`;
  return { text: `${since}; ${nextOf(fault)}`, style: "red" };
}

function nextOf({ Status, Held }: NonNullable<GuestReply["Standstill"]>): string {
  if (Held) return "it was paused by command too and goes on by paddock vm power resume";
  return Status === "nospace"
    ? "it goes on by itself once there is room on the host's file system"
    : "once its disk is mended, paddock vm power resume lets it go on";
}
