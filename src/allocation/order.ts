import type { ForceSignal, StopOrder } from "./ladder.ts";
import type { MachineState } from "./machine.ts";

/** Whether the machine starts again after this stop. */
export function isRestart(order: StopOrder | null): boolean {
  return order?.cause === "restart requested";
}

/** Whether it is for its restart policy, or a command, that the machine is stopped, and not for good. */
function startsAgain(order: StopOrder): boolean {
  return isRestart(order) || order.cause === "unhealthy";
}

/**
 * What a machine that is being stopped already goes on with when it is told to stop once more: the first request keeps its
 * deadline and, unless the machine was to start again, its cause; a signal makes it harder and never softer.
 */
export function mergeOrders(current: StopOrder, asked: StopOrder): StopOrder {
  if (current.cause === "guest shut down") return asked;
  const force = harder(current.force, asked.force);
  const cause = startsAgain(current) ? asked.cause : current.cause;
  if (cause === current.cause && force === current.force) return current;
  return { ...current, cause, force, ...(cause === asked.cause && { sibling: asked.sibling }) };
}

/** Whether a machine has ended for good, or was told to: what tells it so once more changes nothing. */
export function isToStayDown(machine: MachineState): boolean {
  switch (machine.kind) {
    case "ended":
      return true;
    case "preparing":
      return machine.cancelled !== null;
    case "starting":
      return machine.stop !== null && !startsAgain(machine.stop);
    case "stopping":
      return !startsAgain(machine.order) && machine.order.cause !== "guest shut down";
    case "pending":
    case "running":
    case "backoff":
      return false;
  }
}

function harder(a: ForceSignal | undefined, b: ForceSignal | undefined): ForceSignal | undefined {
  return a === "SIGKILL" || b === undefined ? a : b;
}
