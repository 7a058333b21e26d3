import { planArtifact } from "../artifact/plan.ts";
import { assertMayHave } from "../artifact/source/local-file.ts";
import { rulesWithoutFiles } from "../artifact/source/rules.ts";
import { AppError } from "../base/errors.ts";
import type { Job } from "../job/job.ts";
import type { AgentContext } from "./context.ts";
import { awaitsAllocation, type ForeseenArtifact, foreseeArtifacts } from "./foreseen-artifacts.ts";

type SourceContext = Pick<AgentContext, "sources" | "dirs" | "node">;

interface Refusal {
  readonly line: string;
  readonly hint: string | undefined;
}

/**
 * Refuses a job whose artifacts this agent would not even try to fetch: a file of the host that its configuration does not name, or
 * options that nothing can be made of.
 * @throws AppError `unplaceable` naming each.
 */
export function assertSources(context: SourceContext, job: Job): void {
  const refused = refusalsOf(context, job);
  const [first] = refused;
  if (first === undefined) return;
  const what = `job "${job.id}" has artifacts that this agent does not fetch:`;
  throw new AppError("unplaceable", [what, ...refused.map(({ line }) => `  ${line}`)].join("\n"), { hint: first.hint });
}

/** What `assertSources` would refuse, a line each. */
export function findRefusedSources(context: SourceContext, job: Job): string[] {
  return refusalsOf(context, job).map(({ line }) => `not fetched by this agent: ${line}`);
}

function refusalsOf(context: SourceContext, job: Job): Refusal[] {
  return foreseeArtifacts(context, job).flatMap((foreseen) => refusalOf(context, foreseen) ?? []);
}

function refusalOf({ sources }: SourceContext, { artifact, dirs, where }: ForeseenArtifact): Refusal | undefined {
  if (awaitsAllocation(artifact)) return undefined;
  try {
    // Files with credentials are read when something is fetched: what is in them refuses nothing.
    const plan = planArtifact(artifact, dirs, rulesWithoutFiles(sources));
    assertMayHave(plan);
    if (plan.checksumFile !== null) assertMayHave(plan.checksumFile.from);
    return undefined;
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return { line: `${where}: ${error.message}`, hint: error.hint };
  }
}
