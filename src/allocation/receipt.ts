import { AppError, errorText } from "../base/errors.ts";
import { formatDuration, MILLISECOND } from "../base/units.ts";
import type { Ending, StopReceipt } from "./ending.ts";
import { forceBegins, type LadderTry, type Rung, type StopOrder } from "./ladder.ts";
import type { GuestStatus } from "./machine.ts";

/**
 * The end of a machine that was being stopped, with the receipt of the stop. Nomad counts no such end as a failure.
 * @param at when it was noticed, in milliseconds since 1970.
 */
export function stoppedEnding(
  stopping: { readonly order: StopOrder; readonly tries: readonly LadderTry[]; readonly guest?: GuestStatus },
  ending: Ending,
  at: number,
): Ending & { readonly stop: StopReceipt } {
  const { order, tries } = stopping;
  const stop: StopReceipt = {
    order,
    tries,
    rung: workingRung(tries, ending),
    took: Math.max(0, at - order.requestedAt),
  };
  const asked = stop.rung === "guest-agent" || stop.rung === "powerdown";
  const forced = stop.rung !== null && !asked && order.graceful && order.force === undefined;
  const hint = forced ? forcedHint(order, tries, stopping.guest) : stop.rung === null ? ending.hint : null;
  return { ...ending, failed: false, stop, hint };
}

/** Which rung did it, by what QEMU gave as the reason: a power-off by the guest is the guest's answer, `quit` is quit's. */
function workingRung(tries: readonly LadderTry[], ending: Ending): Rung | null {
  const tried = (rung: Rung): Rung | null => (tries.some((entry) => entry.rung === rung) ? rung : null);
  switch (ending.reason) {
    case "guest-shutdown":
    case "guest-reset":
      return askingRung(tries);
    case "guest-panic":
      return askingRung(tries) ?? tries.at(-1)?.rung ?? null;
    case "qemu-crash":
      return null;
    case "host-qmp-quit":
      return tried("quit");
    case "host-signal":
      return tried("SIGTERM");
    case "killed":
      return tried("SIGKILL");
    case "oom":
      return null;
    default:
      return tries.at(-1)?.rung ?? null;
  }
}

/**
 * Of a guest that went down by itself: QEMU gives the same reason whoever asked. What the guest itself has taken on counts before
 * a press, which QEMU takes whether or not a guest hears it; an agent that said nothing counts where no button was pressed.
 */
function askingRung(tries: readonly LadderTry[]): Rung | null {
  const agent = tries.find((entry) => entry.rung === "guest-agent");
  if (agent?.accepted === true) return "guest-agent";
  return tries.some((entry) => entry.rung === "powerdown") ? "powerdown" : agent === undefined ? null : "guest-agent";
}

function forcedHint(order: StopOrder, tries: readonly LadderTry[], guest: GuestStatus | undefined): string {
  if (guest === "io-error") {
    return "the guest stood still because its disk could not be written (io-error): make room on the host's disk, or see why it fails; what the guest had not written yet is lost";
  }
  const presses = tries.filter((entry) => entry.rung === "powerdown").length;
  const patience = formatDuration((forceBegins(order) - order.requestedAt) * MILLISECOND);
  return `the guest did not power off within ${patience} after ${presses} presses of the power button: it may have no ACPI handler (install acpid or qemu-guest-agent in it), or needs a longer kill_timeout`;
}

/** The end of a machine that was told to stop before it had a process. */
export function neverStarted(at: number, order: StopOrder): Ending {
  return {
    reason: "not-started",
    failed: false,
    exitCode: null,
    signal: 0,
    at,
    message: `stopped before it started (${order.cause})`,
    hint: null,
    stop: { order, tries: [], rung: null, took: Math.max(0, at - order.requestedAt) },
  };
}

/** The end of a machine that could not be started. @param at in milliseconds since 1970. */
export function startFailure(error: unknown, at: number): Ending {
  return {
    reason: "not-started",
    failed: true,
    exitCode: null,
    signal: 0,
    at,
    message: errorText(error),
    hint: error instanceof AppError ? (error.hint ?? null) : null,
    stop: null,
  };
}
