import { MINUTE, SECOND } from "../../base/units.ts";
import { attribute, block, type Infer, ignored } from "../../hcl/describe.ts";
import { integer } from "../../hcl/leaf.ts";
import type { Group } from "../job.ts";
import { durationAs, flagAs, integerAs, textAs } from "./without-effect.ts";

/** Nomad's default: one machine after the other. */
const MAX_PARALLEL = 1;

const BY_ITSELF = "has no effect: the next machine is replaced once the one before runs and its checks succeed";
const NO_DEPLOYMENT = "has no effect: a machine of the new version that fails ends the change, and nothing is reverted";

/** `update { … }` of a job or a group, with what Nomad fills in for a job of type service: its CLI looks for it in every job. */
export const updateBlock = block({
  stagger: ignored(BY_ITSELF, { json: "Stagger", encoded: 30 * SECOND, as: durationAs("Stagger") }),
  max_parallel: attribute(integer({ min: 0 }), { json: "MaxParallel", kept: true }),
  health_check: ignored(BY_ITSELF, { json: "HealthCheck", encoded: "checks", as: textAs("HealthCheck") }),
  min_healthy_time: ignored(BY_ITSELF, {
    json: "MinHealthyTime",
    encoded: 10 * SECOND,
    as: durationAs("MinHealthyTime"),
  }),
  healthy_deadline: ignored(BY_ITSELF, {
    json: "HealthyDeadline",
    encoded: 5 * MINUTE,
    as: durationAs("HealthyDeadline"),
  }),
  progress_deadline: ignored(BY_ITSELF, {
    json: "ProgressDeadline",
    encoded: 10 * MINUTE,
    as: durationAs("ProgressDeadline"),
  }),
  auto_revert: ignored(NO_DEPLOYMENT, { json: "AutoRevert", encoded: false, as: flagAs("AutoRevert") }),
  auto_promote: ignored(NO_DEPLOYMENT, { json: "AutoPromote", encoded: false, as: flagAs("AutoPromote") }),
  canary: ignored(NO_DEPLOYMENT, { json: "Canary", encoded: 0, as: integerAs("Canary") }),
});

export type WrittenUpdate = Infer<typeof updateBlock>;

/** What a group says goes before what its job says. Nomad's default is left out, so that records of before are equal to it. */
export function readUpdate(group: WrittenUpdate | undefined, job: WrittenUpdate | undefined): Pick<Group, "update"> {
  const max_parallel = group?.max_parallel ?? job?.max_parallel ?? MAX_PARALLEL;
  return max_parallel === MAX_PARALLEL ? {} : { update: { max_parallel } };
}

/** The same with the default, for JSON. */
export const writeUpdate = (group?: Pick<Group, "update">): WrittenUpdate => ({
  max_parallel: group?.update?.max_parallel ?? MAX_PARALLEL,
});
