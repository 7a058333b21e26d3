import type { Allocation } from "../allocation/allocation.ts";
import type { Agent } from "./agent.ts";
import type { AgentContext } from "./context.ts";

/** The use cases about what machines and host take. @param allocation finds one, or throws `not_found`. */
export function usageReadings(
  { supervisor: { usage } }: Pick<AgentContext, "supervisor">,
  allocation: (id: string) => Allocation,
): Pick<Agent, "allocationUsage" | "hostUsage" | "measure"> {
  return {
    allocationUsage: async (id, { detail }) => await usage.ofAllocation(allocation(id).id, detail),
    hostUsage: () => usage.ofHost(),
    measure: async () => {
      const [machines, host] = await Promise.all([usage.ofAll(), usage.ofHost()]);
      return { machines, host, states: usage.states(), counts: usage.counts() };
    },
  };
}
