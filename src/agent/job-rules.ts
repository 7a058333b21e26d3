import type { SupervisorContext } from "../supervisor/supervisor.ts";
import type { AgentContext } from "./context.ts";
import { leaderOf, logLimitsOf, restartRuleOf, runTimeOf } from "./restart-rule.ts";
import { checkSpecsOf } from "./services.ts";
import { stopOrder } from "./stop.ts";

/** What the supervisor asks of a machine's job: each answer is that of the version which its allocation was placed for. */
export function jobRules(
  context: Pick<AgentContext, "store" | "node" | "dirs" | "clock" | "policy">,
): Pick<SupervisorContext, "ruleOf" | "logLimitsOf" | "checksOf" | "stopOrderOf" | "runTimeOf" | "leaderOf"> {
  const { store } = context;
  return {
    ruleOf: (allocation, task) => restartRuleOf(store, allocation, task),
    logLimitsOf: (allocation, task) => logLimitsOf(store, allocation, task),
    leaderOf: (allocation) => leaderOf(store, allocation),
    runTimeOf: (allocation) => runTimeOf(store, allocation),
    checksOf: (allocation, task) => checkSpecsOf(context, allocation, task),
    stopOrderOf: ({ jobId, jobVersion, group }, task, cause) =>
      stopOrder(context, { job: store.jobVersion(jobId, jobVersion)?.job, group, task }, cause),
  };
}
