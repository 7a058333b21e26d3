import { AppError } from "../../base/errors.ts";
import type { Evaluation, JobRecord } from "../../state/records.ts";
import type { AgentContext } from "../context.ts";
import { newEvaluation } from "./evaluation.ts";

/**
 * Records that somebody asked for a job to be looked at again; whoever places what waits has to be told.
 * @throws AppError `conflict` for a job that was stopped.
 */
export function recordLook({ store, recorder, clock }: AgentContext, { job, stop }: JobRecord): Evaluation {
  if (stop) {
    throw new AppError("conflict", `job "${job.id}" is stopped`, {
      hint: "run it: paddock job run, or paddock job revert",
    });
  }
  return recorder.record((index) => {
    const evaluation = newEvaluation(job, "job-register", { index, now: clock.now() });
    store.putEvaluation(evaluation);
    return evaluation;
  });
}
