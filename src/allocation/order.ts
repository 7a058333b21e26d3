import type { ForceSignal, StopOrder } from "./ladder.ts";

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
  return cause === current.cause && force === current.force ? current : { ...current, cause, force };
}

function harder(a: ForceSignal | undefined, b: ForceSignal | undefined): ForceSignal | undefined {
  return a === "SIGKILL" || b === undefined ? a : b;
}
