import { assertApart, templateFiles } from "../artifact/collision.ts";
import { type ArtifactPlan, planArtifact } from "../artifact/plan.ts";
import { assertMayHave } from "../artifact/source/local-file.ts";
import { rulesWithoutFiles } from "../artifact/source/rules.ts";
import { AppError } from "../base/errors.ts";
import type { Job } from "../job/job.ts";
import type { AgentContext } from "./context.ts";
import { awaitsAllocation, type ForeseenArtifact, foreseeArtifacts } from "./foresee/artifacts.ts";

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
  const known = foreseeArtifacts(context, job).filter(({ artifact }) => !awaitsAllocation(artifact));
  return [...Map.groupBy(known, ({ where }) => where)].flatMap(([where, artifacts]) => {
    const refused: Refusal[] = [];
    const plans: ArtifactPlan[] = [];
    const noting = (work: () => void): void => {
      try {
        work();
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
        refused.push({ line: `${where}: ${error.message}`, hint: error.hint });
      }
    };
    for (const artifact of artifacts) noting(() => plans.push(planForAgent(context, artifact)));
    noting(() =>
      assertApart(
        plans,
        artifacts.slice(0, 1).flatMap(({ task, dirs }) => templateFiles(task, dirs)),
      ),
    );
    return refused;
  });
}

/** @throws AppError for what this agent does not fetch. */
function planForAgent({ sources }: SourceContext, { artifact, dirs }: ForeseenArtifact): ArtifactPlan {
  // Files with credentials are read when something is fetched: what is in them refuses nothing.
  const plan = planArtifact(artifact, dirs, rulesWithoutFiles(sources));
  assertMayHave(plan);
  if (plan.checksumFile !== null) assertMayHave(plan.checksumFile.from);
  return plan;
}
