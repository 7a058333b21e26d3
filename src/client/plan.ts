import * as v from "valibot";
import type { Question } from "./client.ts";
import { count, flag, list, map, text } from "./lenient.ts";
import { PlacementMetricSchema, RegisteredSchema } from "./replies.ts";

const annotations = list(v.string());
const FieldSchema = v.object({ Type: text, Name: text, Old: text, New: text, Annotations: annotations });
export type FieldDiff = v.InferOutput<typeof FieldSchema>;

export interface ObjectDiff {
  readonly Type: string;
  readonly Name: string;
  readonly Fields: readonly FieldDiff[];
  readonly Objects: readonly ObjectDiff[];
}
const ObjectSchema: v.GenericSchema<unknown, ObjectDiff> = v.object({
  Type: text,
  Name: text,
  Fields: list(FieldSchema),
  Objects: list(v.lazy(() => ObjectSchema)),
});

const inside = { Type: text, Fields: list(FieldSchema), Objects: list(ObjectSchema) };
const TaskSchema = v.object({ Name: text, ...inside, Annotations: annotations });
export type TaskDiff = v.InferOutput<typeof TaskSchema>;
const GroupSchema = v.object({ Name: text, ...inside, Tasks: list(TaskSchema), Updates: map(count) });
export type GroupDiff = v.InferOutput<typeof GroupSchema>;
const DiffSchema = v.object({ ID: text, ...inside, TaskGroups: list(GroupSchema) });
export type JobDiff = v.InferOutput<typeof DiffSchema>;

const DesiredSchema = v.object({
  Place: count,
  Migrate: count,
  Stop: count,
  DestructiveUpdate: count,
  Canary: count,
});

/** Of `PUT /v1/job/:id/plan`; a real Nomad says nothing below `Paddock`. */
const PlanSchema = v.object({
  Annotations: v.nullish(v.object({ DesiredTGUpdates: map(DesiredSchema) }), null),
  FailedTGAllocs: map(PlacementMetricSchema),
  JobModifyIndex: count,
  Diff: v.nullish(DiffSchema, null),
  Warnings: text,
  Paddock: v.nullish(
    v.object({
      Refused: list(v.string()),
      Actions: list(v.object({ Group: text, Action: text, Text: text })),
      Findings: list(v.object({ Topic: text, Where: text, OK: flag, Text: text })),
    }),
    null,
  ),
});
export type Plan = v.InferOutput<typeof PlanSchema>;

/** Of `GET /v1/job/:id/versions`. */
const VersionsSchema = v.object({
  Versions: list(
    v.looseObject({
      ID: text,
      Version: count,
      Stable: flag,
      SubmitTime: count,
      Stop: flag,
      JobModifyIndex: count,
      TaskGroups: list(v.looseObject({ Name: text })),
    }),
  ),
  Diffs: list(DiffSchema),
});
export type Versions = v.InferOutput<typeof VersionsSchema>;

/** What can be asked about a job's past and future. */
export const askPlan = {
  plan: (id: string) => ({ target: `/v1/job/${encodeURIComponent(id)}/plan`, schema: PlanSchema }),
  versions: (id: string, diffs: boolean) => ({
    target: `/v1/job/${encodeURIComponent(id)}/versions?diffs=${diffs}`,
    schema: VersionsSchema,
  }),
  revert: (id: string) => ({ target: `/v1/job/${encodeURIComponent(id)}/revert`, schema: RegisteredSchema }),
  scale: (id: string) => ({ target: `/v1/job/${encodeURIComponent(id)}/scale`, schema: RegisteredSchema }),
} satisfies Record<string, (...args: never[]) => Question<unknown>>;
