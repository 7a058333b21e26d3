import type { Allocation } from "../../allocation/allocation.ts";
import type { Place } from "../../allocation/place.ts";
import { AppError } from "../../base/errors.ts";
import { shortId } from "../../base/ids.ts";
import { checkConstraints } from "../../constraint/check.ts";
import type { Group, Job } from "../../job/job.ts";
import type { PlacementFailure } from "../../placement/failure.ts";
import type { JobRecord } from "../../state/records.ts";
import { type DiskFate, fatesOfDisks } from "../disk/discard.ts";
import { assertImagesApart } from "../disk/sibling-images.ts";
import { assertCached } from "../offline.ts";
import { type Decision, decidePlacement } from "../place/decide.ts";
import { checkPlacement, knowWhatMatters, warningsOf } from "../place/placement.ts";
import { type Reason, reasonText } from "../place/replacement.ts";
import { type Change, changeOf, groupsMade, isNothing, makesMachines } from "../reconcile/change.ts";
import type { Outdated } from "../reconcile/reconcile.ts";
import type { Turn } from "../reconcile/turns.ts";
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
  const decided = makesMachines(change) ? await unlessRefused(() => decideAll(context, job, change)) : undefined;
  const decision = decided?.kind === "done" ? decided.value : undefined;
  const constraints = verdicts.map(({ where, ok, text }): Finding => ({ topic: "constraint", where, ok, text }));
  return {
    previous: context.store.job(job.id),
    groups: groupsOf(change, job),
    refused: await refusalsOf(context, job, { change, decided }),
    failures: decision?.failures ?? [],
    findings: [...constraints, ...(isNothing(change) ? [] : await lookAround(context, job, change, decision))],
    warnings: warningsOf(context, job, verdicts),
  };
}

/** What new allocations would meet. */
async function lookAround(
  context: PlanContext,
  job: Job,
  change: Change,
  decision: Decision | undefined,
): Promise<Finding[]> {
  const fates = await fatesOfDisks(context, change.before, job);
  const made = groupsMade(job, change);
  return [
    ...findResources(context, job, change),
    ...(await findPorts(context, made, decision)),
    ...findImages(context, job, change, decision?.placed ?? []),
    ...findArtifacts(context, made),
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
async function refusalsOf(
  context: PlanContext,
  job: Job,
  { change, decided }: { readonly change: Change; readonly decided: Outcome<Decision> | undefined },
): Promise<string[]> {
  const made = groupsMade(job, change);
  const early = [
    () => assertSources(context, made),
    () => assertCached(context, made),
    () => assertImagesApart(context, made),
  ];
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

/** What room there is in the end, when it was everybody's turn. */
function decideAll(context: PlanContext, job: Job, { created, replaced, stopped }: Change): Promise<Decision> {
  const turns: Turn[] = [
    ...replaced.map(({ allocation }) => ({ place: allocation, replaces: allocation })),
    ...created.map((place) => ({ place, replaces: undefined })),
  ];
  return decidePlacement(context, job, turns, [...stopped, ...replaced.map(({ allocation }) => allocation)]);
}

/** In the order of the job file, and of groups that are gone behind. */
function groupsOf(change: Change, { groups }: Job): PlannedGroup[] {
  const all = [
    ...change.replaced.map((outdated) => replacing(outdated)),
    ...change.kept.map((allocation) => going(change, allocation)),
    ...change.created.map((place) => creating(place, groups)),
    ...change.stopped.map(stopping),
  ];
  const names = [...new Set([...groups.map(({ name }) => name), ...all.map(({ group }) => group)])];
  return names.flatMap((name) => all.filter(({ group }) => group === name));
}

const isAlone = ({ tasks }: Allocation): boolean => Object.keys(tasks).length === 1;

const nameOf = ({ id }: Allocation): string => `allocation ${shortId(id)}`;

function replacing({ allocation, why }: Outdated): PlannedGroup {
  const text = `${nameOf(allocation)} is stopped and replaced: ${why.map(reasonText).join("; ")}`;
  return { group: allocation.group, action: "create/destroy update", allocationId: allocation.id, why, text };
}

function going({ unchanged }: Change, allocation: Allocation): PlannedGroup {
  const it = { group: allocation.group, allocationId: allocation.id, why: [] };
  return unchanged
    ? { ...it, action: "ignore", text: `${nameOf(allocation)} is what is asked for and goes on` }
    : {
        ...it,
        action: "in-place update",
        text: `${nameOf(allocation)} is updated in place, ${isAlone(allocation) ? "its machine runs on" : "its machines run on"}`,
      };
}

function creating({ group }: Place, groups: readonly Group[]): PlannedGroup {
  const { length } = groups.find(({ name }) => name === group)?.tasks ?? [];
  const text = length > 1 ? `${length} machines are made, one for each task` : "a machine is made";
  return { group, action: "create", allocationId: null, why: [], text };
}

const stopping = (allocation: Allocation): PlannedGroup => ({
  group: allocation.group,
  action: "destroy",
  allocationId: allocation.id,
  why: [],
  text: `${nameOf(allocation)} is stopped`,
});
