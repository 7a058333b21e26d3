import { AppError } from "../base/errors.ts";
import { partName } from "./download/part.ts";
import { planForFile } from "./place.ts";
import type { ArtifactPlan } from "./plan.ts";

/**
 * Looks for two artifacts of a task that would be written to the same place: one of them would be lost, and which one, chance decides.
 * @throws AppError `invalid` that names both.
 */
export function assertApart(plans: readonly ArtifactPlan[]): void {
  const places = plans.map((plan) => ({ plan, path: placeOf(plan) }));
  for (const [at, { plan, path }] of places.entries()) {
    const other = places.findIndex((each, index) => index !== at && isInTheWay(path, each.path));
    if (other === -1) continue;
    const { source } = places[other]?.plan ?? plan;
    throw new AppError("invalid", `artifacts ${plan.source} and ${source} would both be written to ${path}`, {
      hint: "give one of them another destination",
    });
  }
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
