import * as v from "valibot";
import { CountSchema } from "./scalars.ts";

const TypeSchema = v.picklist(["None", "Added", "Deleted", "Edited"]);
export type DiffType = v.InferOutput<typeof TypeSchema>;

/** Nomad's `FieldDiff`; `Old` and `New` are what people read, with secrets blanked. */
const FieldDiffSchema = v.object({
  Type: TypeSchema,
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
const ObjectDiffSchema: v.GenericSchema<ObjectDiff> = v.object({
  Type: TypeSchema,
  Name: v.string(),
  Fields: v.array(FieldDiffSchema),
  Objects: v.array(v.lazy(() => ObjectDiffSchema)),
});

const inside = { Type: TypeSchema, Fields: v.array(FieldDiffSchema), Objects: v.array(ObjectDiffSchema) };

/** Nomad's `TaskDiff`. */
const TaskDiffSchema = v.object({ Name: v.string(), ...inside, Annotations: v.nullable(v.array(v.string())) });
export type TaskDiff = v.InferOutput<typeof TaskDiffSchema>;

/** Nomad's `TaskGroupDiff`; `Updates` counts what happens to its allocations. */
const TaskGroupDiffSchema = v.object({
  Name: v.string(),
  ...inside,
  Tasks: v.array(TaskDiffSchema),
  Updates: v.nullable(v.record(v.string(), CountSchema)),
});
export type TaskGroupDiff = v.InferOutput<typeof TaskGroupDiffSchema>;

/** Nomad's `JobDiff`. */
export const JobDiffSchema = v.object({ ID: v.string(), ...inside, TaskGroups: v.array(TaskGroupDiffSchema) });
export type JobDiff = v.InferOutput<typeof JobDiffSchema>;
