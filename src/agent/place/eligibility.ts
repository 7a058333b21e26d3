import * as v from "valibot";
import { AppError } from "../../base/errors.ts";
import { type Drain, NO_DRAIN } from "../../node/drain.ts";
import type { AgentContext } from "../context.ts";

type Facts = Pick<AgentContext, "store">;

const FACT = "node_eligibility";
const INELIGIBLE = "ineligible";
const DRAIN_FACT = "node_drain";

/** Whether machines may be placed on this node; kept over an agent's restart. */
export const isEligible = ({ store }: Facts): boolean => store.fact(FACT) !== INELIGIBLE;

/** Writes it down; to be called while a change is recorded. */
export function putEligibility({ store }: Facts, eligible: boolean): void {
  store.setFact(FACT, eligible ? "eligible" : INELIGIBLE);
}

const DrainSchema = v.object({
  strategy: v.nullable(
    v.object({
      deadline: v.number(),
      ignoreSystem: v.boolean(),
      startedAt: v.number(),
      forceAt: v.nullable(v.number()),
      bootId: v.string(),
    }),
  ),
  last: v.nullable(
    v.object({
      startedAt: v.number(),
      updatedAt: v.number(),
      status: v.picklist(["draining", "complete", "canceled"]),
      accessor: v.string(),
      meta: v.record(v.string(), v.string()),
    }),
  ),
});

/** The drain of this node; kept over an agent's restart. */
export function drainOf({ store }: Facts): Drain {
  const text = store.fact(DRAIN_FACT);
  return text === undefined ? NO_DRAIN : v.parse(DrainSchema, JSON.parse(text));
}

/** Writes it down; to be called while a change is recorded. */
export const putDrain = ({ store }: Facts, drain: Drain): void => store.setFact(DRAIN_FACT, JSON.stringify(drain));

/** Why nothing is placed on a node that is not eligible. */
export const NOT_ELIGIBLE = "this node takes no new machines; paddock node eligibility -enable changes that";
/** Why nothing is placed on a node while it is drained. */
export const BEING_DRAINED =
  "this node is being drained and takes no new machines; paddock node drain -disable changes that";

/** Why nothing may be placed on this node now; null when it may. */
export function whyIneligible(context: Facts): string | null {
  if (isEligible(context)) return null;
  return drainOf(context).strategy === null ? NOT_ELIGIBLE : BEING_DRAINED;
}

/**
 * Says whether machines may be placed on this node. Those that run go on, and are started again by their restart policies.
 * @param look tries again to place what waits.
 * @returns the index of the change.
 * @throws AppError `conflict` for a node that is being drained and is to take new machines.
 */
export function setEligible(
  context: Pick<AgentContext, "store" | "recorder" | "node" | "log">,
  eligible: boolean,
  look: () => void,
): number {
  const { recorder, node, log } = context;
  if (eligible && drainOf(context).strategy !== null) {
    throw new AppError("conflict", "the node cannot be made eligible while it is being drained", {
      hint: "paddock node drain -disable ends the drain and makes it eligible",
    });
  }
  recorder.record(() => putEligibility(context, eligible));
  recorder.announce({ kind: "node", node: node(), change: "eligibility" });
  log.info(eligible ? "the node takes new machines" : "the node takes no new machines");
  look();
  return recorder.changes.index;
}
