import { MILLISECOND } from "../../base/units.ts";
import type { Allocation, NodeInfo } from "../../client/replies.ts";
import { formatTime } from "../terminal/time.ts";

/** Whether a node is being drained and how, in Nomad's words. */
export function describeDrain({ DrainStrategy: strategy }: Pick<NodeInfo, "DrainStrategy">): string {
  if (strategy === null) return "false";
  const { Deadline, ForceDeadline, IgnoreSystemJobs } = strategy;
  const at = Date.parse(ForceDeadline ?? "");
  const until = at > 0 ? `${formatTime(at * MILLISECOND)} deadline` : "no deadline";
  const system = IgnoreSystemJobs ? "; ignoring system jobs" : "";
  return `true; ${Deadline < 0 ? "force drain" : until}${system}`;
}

/** Why a drain waits for an allocation that has not ended. */
export function describeLeaving(
  { DesiredStatus, DesiredDescription }: Pick<Allocation, "DesiredStatus" | "DesiredDescription">,
  strategy: NodeInfo["DrainStrategy"],
): string {
  if (DesiredStatus === "stop") return `is being stopped (${DesiredDescription})`;
  const at = Date.parse(strategy?.ForceDeadline ?? "");
  return at > 0 ? `runs until it ends, or ${formatTime(at * MILLISECOND)}` : "runs until it ends";
}
