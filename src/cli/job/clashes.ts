import { findClash, templateFiles } from "../../artifact/collision.ts";
import { type ArtifactPlan, planArtifact } from "../../artifact/plan.ts";
import { AppError } from "../../base/errors.ts";
import type { Diagnostic } from "../../hcl/diagnostic.ts";
import type { Artifact, Task } from "../../job/job.ts";
import type { LoadedJob } from "../../job/load.ts";
import { taskPlace } from "../../job/place-text.ts";
import { taskDirs } from "../../paths.ts";

/**
 * What an agent would refuse of a job because two things of a task would be written to one place: as errors with their lines. What holds
 * `${…}` is looked at when it has its value, and whether an artifact can be fetched is the agent's to say.
 */
export function findClashes({ job, spanOf }: Pick<LoadedJob, "job" | "spanOf">): Diagnostic[] {
  return (job?.groups ?? []).flatMap((group, g) =>
    group.tasks.flatMap((task, t): Diagnostic[] => {
      const dirs = taskDirs({ dataDir: "/", runDir: "/" }, "foreseen", task.name);
      const planned = plansOf(task, dirs);
      const clash = findClash(
        planned.map(({ plan }) => plan),
        templateFiles(task, dirs),
      );
      if (clash === undefined) return [];
      const path = `groups[${g}].tasks[${t}].artifacts[${planned[clash.at]?.index ?? 0}]`;
      const { message, hint } = clash;
      return [{ severity: "error", span: spanOf(path), where: taskPlace(group, task), message, hint }];
    }),
  );
}

function plansOf(
  { artifacts }: Task,
  dirs: ReturnType<typeof taskDirs>,
): { readonly plan: ArtifactPlan; readonly index: number }[] {
  return artifacts.flatMap((artifact, index) => {
    if (isOpen(artifact)) return [];
    try {
      return [{ plan: planArtifact(artifact, dirs), index }];
    } catch (error) {
      if (error instanceof AppError) return [];
      throw error;
    }
  });
}

const isOpen = ({ source, destination, options }: Artifact): boolean =>
  [source, destination, ...Object.values(options)].some((text) => text.includes("${"));
