import * as v from "valibot";
import type { PlacementFailure } from "../placement/failure.ts";
import { PlacementMetricSchema, writeFailures } from "./evaluation.ts";
import { type JobDiff, JobDiffSchema, type TaskDiff, type TaskGroupDiff } from "./job-diff.ts";
import { JobFieldSchema, joinWarnings } from "./job-requests.ts";
import { CountSchema, IdSchema, SentFlagSchema } from "./scalars.ts";

/** Body of `PUT /v1/job/:id/plan`; `PolicyOverride` means nothing here. */
export const PlanRequestSchema = v.object({ Job: JobFieldSchema, Diff: SentFlagSchema });

/** Nomad's `DesiredUpdates`: allocations of a group, counted by what happens to them. */
export const DesiredSchema = v.object({
  Ignore: CountSchema,
  Place: CountSchema,
  Migrate: CountSchema,
  Stop: CountSchema,
  InPlaceUpdate: CountSchema,
  DestructiveUpdate: CountSchema,
  Canary: CountSchema,
  Preemptions: CountSchema,
});
type Desired = v.InferOutput<typeof DesiredSchema>;

const ACTIONS = ["ignore", "create", "in-place update", "create/destroy update", "destroy"] as const;
const TOPICS = ["constraint", "resource", "port", "image", "artifact", "disk"] as const;

/** Reply of `PUT /v1/job/:id/plan`: Nomad's `JobPlanResponse`. */
export const PlanReplySchema = v.object({
  Annotations: v.object({ DesiredTGUpdates: v.record(v.string(), DesiredSchema), PreemptedAllocs: v.null() }),
  /** By group: why it would not be placed; null when all would. */
  FailedTGAllocs: v.nullable(v.record(v.string(), PlacementMetricSchema)),
  /** What `run -check-index` compares; 0 for a job that is new. */
  JobModifyIndex: CountSchema,
  CreatedEvals: v.null(),
  /** Null when it was not asked for. */
  Diff: v.nullable(JobDiffSchema),
  /** Nomad's zero: there are no periodic jobs. */
  NextPeriodicLaunch: v.string(),
  Warnings: v.string(),
  /** Ours. */
  Paddock: v.object({
    /** Why it would be refused, and nothing be changed; empty when it would not. */
    Refused: v.array(v.string()),
    Actions: v.array(
      v.object({ Group: v.string(), Action: v.picklist(ACTIONS), AllocID: v.nullable(IdSchema), Text: v.string() }),
    ),
    /** What the job would meet on this host. */
    Findings: v.array(v.object({ Topic: v.picklist(TOPICS), Where: v.string(), OK: v.boolean(), Text: v.string() })),
  }),
});
export type WirePlanReply = v.InferOutput<typeof PlanReplySchema>;

/** What a plan tells; the agent's own is one. */
export interface ToldPlan {
  readonly previous: { readonly jobModifyIndex: number } | undefined;
  readonly groups: readonly {
    readonly group: string;
    readonly action: (typeof ACTIONS)[number];
    readonly allocationId: string | null;
    /** What makes new machines necessary: `task` is null for what is the group's. */
    readonly why: readonly { readonly task: string | null }[];
    readonly text: string;
  }[];
  readonly refused: readonly string[];
  readonly failures: readonly PlacementFailure[];
  readonly findings: readonly {
    readonly topic: (typeof TOPICS)[number];
    readonly where: string;
    readonly ok: boolean;
    readonly text: string;
  }[];
}

/** @param diff undefined when it was not asked for. @param warnings one line each. */
export function writePlanReply(plan: ToldPlan, diff: JobDiff | undefined, warnings: readonly string[]): WirePlanReply {
  const { previous, groups, refused, findings } = plan;
  const failures = [...plan.failures, ...refusals(plan)];
  return {
    Annotations: { DesiredTGUpdates: desiredOf(groups), PreemptedAllocs: null },
    FailedTGAllocs: writeFailures(failures),
    JobModifyIndex: previous?.jobModifyIndex ?? 0,
    CreatedEvals: null,
    Diff: diff === undefined ? null : annotate(diff, plan),
    NextPeriodicLaunch: "0001-01-01T00:00:00Z",
    Warnings: joinWarnings(warnings),
    Paddock: {
      Refused: [...refused],
      Actions: groups.map(({ group, action, allocationId, text }) => ({
        Group: group,
        Action: action,
        AllocID: allocationId,
        Text: text,
      })),
      Findings: findings.map(({ topic, where, ok, text }) => ({ Topic: topic, Where: where, OK: ok, Text: text })),
    },
  };
}

/** Nomad's clients know of no refusal: for them it is a constraint that filters the node. */
function refusals({ refused, groups, failures }: ToldPlan): PlacementFailure[] {
  const names = new Set(groups.map(({ group }) => group));
  for (const { group } of failures) names.delete(group);
  return refused.length === 0 ? [] : [...names].map((group) => ({ group, shortages: [], filtered: refused }));
}

const FIELDS = {
  ignore: "Ignore",
  create: "Place",
  "in-place update": "InPlaceUpdate",
  "create/destroy update": "DestructiveUpdate",
  destroy: "Stop",
} as const satisfies Record<(typeof ACTIONS)[number], keyof Desired>;

function desiredOf(groups: ToldPlan["groups"]): Record<string, Desired> {
  const byGroup = new Map<string, Desired>();
  for (const { group, action } of groups) {
    const desired = byGroup.get(group) ?? NOTHING;
    byGroup.set(group, { ...desired, [FIELDS[action]]: desired[FIELDS[action]] + 1 });
  }
  return Object.fromEntries(byGroup);
}

const NOTHING: Desired = {
  Ignore: 0,
  Place: 0,
  Migrate: 0,
  Stop: 0,
  InPlaceUpdate: 0,
  DestructiveUpdate: 0,
  Canary: 0,
  Preemptions: 0,
};

/** Says of the parts of a diff what they lead to, in Nomad's words. */
function annotate(diff: JobDiff, { groups }: ToldPlan): JobDiff {
  return { ...diff, TaskGroups: diff.TaskGroups.map((group) => annotateGroup(group, groups)) };
}

function annotateGroup(diff: TaskGroupDiff, groups: ToldPlan["groups"]): TaskGroupDiff {
  const own = groups.filter(({ group }) => group === diff.Name);
  const counts = Object.entries(Object.groupBy(own, ({ action }) => action));
  const fields = diff.Fields.map((field) => {
    const [before, after] = [Number(field.Old), Number(field.New)];
    if (field.Name !== "Count" || before === after) return field;
    return { ...field, Annotations: [after > before ? "forces create" : "forces destroy"] };
  });
  return {
    ...diff,
    Fields: fields,
    Updates: own.length === 0 ? null : Object.fromEntries(counts.map(([action, all]) => [action, all.length])),
    Tasks: diff.Tasks.map((task) => annotateTask(task, diff, own)),
  };
}

function annotateTask(task: TaskDiff, { Type }: TaskGroupDiff, own: ToldPlan["groups"]): TaskDiff {
  const word = wordFor(task, Type, own);
  return word === undefined ? task : { ...task, Annotations: [word] };
}

function wordFor(task: TaskDiff, group: TaskGroupDiff["Type"], own: ToldPlan["groups"]): string | undefined {
  if (task.Type === "None") return undefined;
  if (group === "Added") return "forces create";
  if (group === "Deleted") return "forces destroy";
  const why = own.flatMap((one) => one.why);
  if (own.some(({ action }) => action === "create/destroy update")) {
    const isReason = why.some((reason) => reason.task === task.Name);
    return isReason ? "forces create/destroy update" : "forces in-place update";
  }
  if (own.some(({ action }) => action === "create")) return "forces create";
  return own.some(({ action }) => action === "in-place update") ? "forces in-place update" : undefined;
}
