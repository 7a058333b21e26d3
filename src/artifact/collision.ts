import { resolve } from "node:path";
import { AppError } from "../base/errors.ts";
import type { Task } from "../job/job.ts";
import type { TaskDirs } from "../paths.ts";
import { partName } from "./download/part.ts";
import { planForFile } from "./place.ts";
import type { ArtifactPlan } from "./plan.ts";

/** What of a task would be lost. */
export interface Clash {
  /** The artifact that it is told of. */
  readonly at: number;
  readonly message: string;
  readonly hint: string;
}

/** A file that a template makes. */
export interface TemplateFile {
  /** As the job file has it. */
  readonly name: string;
  /** Absolute. */
  readonly path: string;
}

/**
 * Looks for two artifacts of a task that would be written to the same place, and for one that lies where a template's file is until it is
 * whole: one of them would be lost, and which one, chance decides.
 */
export function findClash(plans: readonly ArtifactPlan[], templates: readonly TemplateFile[] = []): Clash | undefined {
  const places = plans.map((plan) => ({ plan, path: placeOf(plan) }));
  for (const [at, { plan, path }] of places.entries()) {
    const template = templates.find((file) => partName(file.path) === planForFile(plan).target.path);
    if (template !== undefined) {
      const message = `artifact ${plan.source} would be written to ${path}, where the template ${template.name} is made`;
      return { at, message, hint: "give one of them another destination" };
    }
    const other = places.findIndex((each, index) => index !== at && isInTheWay(path, each.path));
    if (other === -1) continue;
    const { source } = places[other]?.plan ?? plan;
    const message = `artifacts ${plan.source} and ${source} would both be written to ${path}`;
    return { at: Math.max(at, other), message, hint: "give one of them another destination" };
  }
  return undefined;
}

/** @throws AppError `invalid` for what `findClash` finds. */
export function assertApart(plans: readonly ArtifactPlan[], templates: readonly TemplateFile[] = []): void {
  const clash = findClash(plans, templates);
  if (clash !== undefined) throw new AppError("invalid", clash.message, { hint: clash.hint });
}

/** Below the allocation directory. */
function placeOf(plan: ArtifactPlan): string {
  const { folders, fileName } = planForFile(plan).target;
  return [...folders, fileName].join("/");
}

/** Whether what is written to `path`, or to the name that it has until it is whole, is where `other` goes. */
function isInTheWay(path: string, other: string): boolean {
  return other === path || other === partName(path) || other.startsWith(`${path}/`);
}

/** The files of a task's templates whose names are known before it is placed. */
export function templateFiles(
  { templates = [] }: Pick<Task, "templates">,
  dirs: Pick<TaskDirs, "task">,
): TemplateFile[] {
  return templates.flatMap(({ destination: name }) =>
    name.includes("${") ? [] : [{ name, path: resolve(dirs.task, name) }],
  );
}
