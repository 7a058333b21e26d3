import type { Allocation } from "../../allocation/allocation.ts";
import { AppError } from "../../base/errors.ts";
import { shortId } from "../../base/ids.ts";
import { checkConstraints } from "../../constraint/check.ts";
import { groupsToRun } from "../../job/groups-to-run.ts";
import type { Job } from "../../job/job.ts";
import type { PlacementFailure } from "../../placement/failure.ts";
import type { JobRecord } from "../../state/records.ts";
import { type Decision, decidePlacement } from "../decide.ts";
import { type DiskFate, fatesOfDisks } from "../disk/discard.ts";
import { type Change, changeOf } from "../disk/replaced.ts";
import { assertCached } from "../offline.ts";
import { checkPlacement, knowWhatMatters, warningsOf } from "../placement.ts";
import { type Reason, reasonText } from "../replacement.ts";
import { assertSources } from "../sources.ts";
import { findArtifacts } from "./artifacts.ts";
import type { Finding, PlanContext } from "./finding.ts";
import { findImages } from "./images.ts";
import { findPorts } from "./ports.ts";
import { findResources } from "./resources.ts";

/** What happens to an allocation, in the words of Nomad's plan. */
export type GroupAction = "ignore" | "create" | "in-place update" | "create/destroy update" | "destroy";

export interface PlannedGroup {
  readonly group: string;
  readonly action: GroupAction;
  /** The allocation that it is about; null for one that is made. */
  readonly allocationId: string | null;
  /** What makes a new machine necessary; empty for every other action. */
  readonly why: readonly Reason[];
  /** The same for people. */
  readonly text: string;
}

/** What `registerJob` would do with a job now. */
export interface JobPlan {
  /** What is registered; undefined for a job that is new. */
  readonly previous: JobRecord | undefined;
  readonly groups: readonly PlannedGroup[];
  /** Why it would be refused; nothing would be changed then. */
  readonly refused: readonly string[];
  /** What it would have to wait for. */
  readonly failures: readonly PlacementFailure[];
  readonly findings: readonly Finding[];
  readonly warnings: readonly string[];
}

/** Finds out what a job would change and what it would meet, and changes nothing. */
export async function planJob(context: PlanContext, job: Job): Promise<JobPlan> {
  await knowWhatMatters(context, job);
  const change = changeOf(context, job);
  const verdicts = checkConstraints(job, context.node());
  const decided = change.kind === "replaces" ? await unlessRefused(() => decidePlacement(context, job)) : undefined;
  const decision = decided?.kind === "done" ? decided.value : undefined;
  const constraints = verdicts.map(({ where, ok, text }): Finding => ({ topic: "constraint", where, ok, text }));
  return {
    previous: context.store.job(job.id),
    groups: groupsOf(change, job),
    refused: await refusalsOf(context, job, decided),
    failures: decision?.kind === "waits" ? decision.failures : [],
    findings: [...constraints, ...(change.kind === "replaces" ? await lookAround(context, job, change, decision) : [])],
    warnings: warningsOf(context, job, verdicts),
  };
}

type Replacing = Change & { readonly kind: "replaces" };

/** What new allocations would meet. */
async function lookAround(
  context: PlanContext,
  job: Job,
  { before }: Replacing,
  decision: Decision | undefined,
): Promise<Finding[]> {
  const placed = decision?.kind === "placed" ? decision.groups : [];
  const fates = await fatesOfDisks(context, before, job);
  return [
    ...findResources(context, job),
    ...(await findPorts(context, job, decision)),
    ...findImages(context, job, placed),
    ...findArtifacts(context, job),
    ...fates.map(diskFinding),
  ];
}

/** A disk that stays behind keeps nothing from running, but whoever runs the job will be asked. */
const diskFinding = ({ task, message, discarded }: DiskFate): Finding => ({
  topic: "disk",
  where: `task "${task}"`,
  ok: discarded === null,
  text: message,
});

/**
 * What `submitJob` would refuse a job for, the first in its order.
 * @param decided undefined where nothing is placed.
 */
async function refusalsOf(context: PlanContext, job: Job, decided: Outcome<Decision> | undefined): Promise<string[]> {
  const early = [() => assertSources(context, job), () => assertCached(context, job)];
  for (const check of [() => checkPlacement(context, job), ...(decided === undefined ? [] : early)]) {
    const outcome = await unlessRefused(check);
    if (outcome.kind === "refused") return [outcome.why];
  }
  return decided?.kind === "refused" ? [decided.why] : [];
}

type Outcome<T> = { readonly kind: "done"; readonly value: T } | { readonly kind: "refused"; readonly why: string };

/** What comes of a step of a submission, or what it says against the job: the list below its first line behind that. */
async function unlessRefused<T>(step: () => T | Promise<T>): Promise<Outcome<T>> {
  try {
    return { kind: "done", value: await step() };
  } catch (error) {
    if (!(error instanceof AppError) || error.code === "internal") throw error;
    const [first = "", ...more] = error.message.split("\n").map((line) => line.trim());
    return { kind: "refused", why: more.length === 0 ? first : `${first} ${more.join("; ")}` };
  }
}

function groupsOf(change: Change, job: Job): PlannedGroup[] {
  const { running } = change;
  const own = running.map((allocation) => planned(change, job, allocation));
  const without = change.kind === "replaces" ? groupsToRun(job) : [];
  const made = without
    .filter(({ name }) => running.every(({ group }) => group !== name))
    .map(
      ({ name }): PlannedGroup => ({
        group: name,
        action: "create",
        allocationId: null,
        why: [],
        text: "a machine is made",
      }),
    );
  return [...own, ...made];
}

function planned(change: Change, job: Job, { id, group }: Allocation): PlannedGroup {
  const it = { group, allocationId: id, why: [] };
  const name = `allocation ${shortId(id)}`;
  if (change.kind === "none") return { ...it, action: "ignore", text: `${name} is what is asked for and goes on` };
  if (change.kind === "in place") {
    return { ...it, action: "in-place update", text: `${name} is updated in place, its machine runs on` };
  }
  if (!groupsToRun(job).some(({ name: wanted }) => wanted === group)) {
    return { ...it, action: "destroy", text: `${name} is stopped` };
  }
  const why = change.why.get(id) ?? [];
  const reasons = why.length === 0 ? "another group changes" : why.map(reasonText).join("; ");
  return { ...it, action: "create/destroy update", why, text: `${name} is stopped and replaced: ${reasons}` };
}
