import { planJob } from "../agent/plan/plan-job.ts";
import type { Rehearse } from "../cli/command.ts";
import { writePlanReply } from "../contract/job-plan.ts";
import { explainTask } from "./explain.ts";
import { onThisHost } from "./host.ts";

/** What a machine of a job file would be, for `paddock explain FILE`. @throws AppError as `onThisHost` and `explainTask` do. */
export const rehearseExplain: Rehearse["explain"] = (args, task, warn) =>
  onThisHost(args, warn, (context) => explainTask(context, task));

/** What this host would meet a job with, for `paddock job plan -local`. @throws AppError as `onThisHost` does. */
export const rehearsePlan: Rehearse["plan"] = (args, job, warn) =>
  onThisHost(args, warn, async (context) => {
    const plan = await planJob(context, job);
    return writePlanReply(plan, undefined, plan.warnings);
  });
