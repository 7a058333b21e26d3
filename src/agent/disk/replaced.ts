import type { Job } from "../../job/job.ts";
import type { AgentContext } from "../context.ts";
import type { ReplacementContext } from "../place/replacement.ts";
import { changeOf, isNothing } from "../reconcile/change.ts";
import { type DiskFate, fatesOfDisks } from "./discard.ts";

/** What becomes of disks if a job is registered and placed now. */
export async function disksAtStake(
  context: ReplacementContext & Pick<AgentContext, "dirs" | "garbage">,
  job: Job,
): Promise<DiskFate[]> {
  const change = changeOf(context, job);
  return isNothing(change) ? [] : await fatesOfDisks(context, change.before, job);
}
