import type { AgentContext } from "./context.ts";

const FACT = "node_eligibility";
const INELIGIBLE = "ineligible";

/** Whether machines may be placed on this node; kept over an agent's restart. */
export const isEligible = ({ store }: Pick<AgentContext, "store">): boolean => store.fact(FACT) !== INELIGIBLE;

/** Why nothing is placed on a node that is not eligible. */
export const NOT_ELIGIBLE = "this node takes no new machines; paddock node eligibility -enable changes that";

/**
 * Says whether machines may be placed on this node. Those that run go on, and are started again by their restart policies.
 * @param look tries again to place what waits.
 * @returns the index of the change.
 */
export function setEligible(
  { store, recorder, node, log }: Pick<AgentContext, "store" | "recorder" | "node" | "log">,
  eligible: boolean,
  look: () => void,
): number {
  recorder.record(() => store.setFact(FACT, eligible ? "eligible" : INELIGIBLE));
  recorder.announce({ kind: "node", node: node(), eligibility: true });
  log.info(eligible ? "the node takes new machines" : "the node takes no new machines");
  look();
  return recorder.changes.index;
}
