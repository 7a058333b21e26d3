import * as v from "valibot";
import { CountSchema } from "./scalars.ts";

export const DiffTypeSchema = v.picklist(["None", "Added", "Deleted", "Edited"]);
export type DiffType = v.InferOutput<typeof DiffTypeSchema>;

/** Nomad's `FieldDiff`; `Old` and `New` are what people read, with secrets blanked. */
export const FieldDiffSchema = v.object({
  Type: DiffTypeSchema,
  Name: v.string(),
  Old: v.string(),
  New: v.string(),
  Annotations: v.nullable(v.array(v.string())),
});
export type FieldDiff = v.InferOutput<typeof FieldDiffSchema>;

/** Nomad's `ObjectDiff`: a block of a job. */
export interface ObjectDiff {
  readonly Type: DiffType;
  readonly Name: string;
  readonly Fields: FieldDiff[];
  readonly Objects: ObjectDiff[];
}
export const ObjectDiffSchema: v.GenericSchema<ObjectDiff> = v.object({
  Type: DiffTypeSchema,
  Name: v.string(),
  Fields: v.array(FieldDiffSchema),
  Objects: v.array(v.lazy(() => ObjectDiffSchema)),
});

const inside = { Type: DiffTypeSchema, Fields: v.array(FieldDiffSchema), Objects: v.array(ObjectDiffSchema) };

/** Nomad's `TaskDiff`. */
export const TaskDiffSchema = v.object({ Name: v.string(), ...inside, Annotations: v.nullable(v.array(v.string())) });
export type TaskDiff = v.InferOutput<typeof TaskDiffSchema>;

/** Nomad's `TaskGroupDiff`; `Updates` counts what happens to its allocations. */
export const TaskGroupDiffSchema = v.object({
  Name: v.string(),
  ...inside,
  Tasks: v.array(TaskDiffSchema),
  Updates: v.nullable(v.record(v.string(), CountSchema)),
});
export type TaskGroupDiff = v.InferOutput<typeof TaskGroupDiffSchema>;

/** Nomad's `JobDiff`. */
export const JobDiffSchema = v.object({ ID: v.string(), ...inside, TaskGroups: v.array(TaskGroupDiffSchema) });
export type JobDiff = v.InferOutput<typeof JobDiffSchema>;
