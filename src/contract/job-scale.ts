import * as v from "valibot";
import { type Allocation, clientStatus, isTerminal } from "../allocation/allocation.ts";
import type { RegisteredJob } from "./job-record.ts";
import { CountSchema, SentFlagSchema, TextMapSchema } from "./scalars.ts";

/** Body of `PUT /v1/job/:id/scale`; `Message`, `Meta` and `Error` are for events that nobody keeps here. */
export const ScaleRequestSchema = v.object({
  Count: v.optional(v.nullable(CountSchema), null),
  /** Its member `Group` names the group. */
  Target: v.pipe(
    v.optional(v.nullable(TextMapSchema), {}),
    v.transform((target) => target ?? {}),
  ),
  /** True: only if the job's last change is `JobModifyIndex`. */
  EnforceIndex: SentFlagSchema,
  JobModifyIndex: v.optional(v.nullable(CountSchema), 0),
});

export const ScaleGroupSchema = v.object({
  Desired: CountSchema,
  Placed: CountSchema,
  Running: CountSchema,
  Healthy: CountSchema,
  Unhealthy: CountSchema,
  Events: v.null(),
});

/** Reply of `GET /v1/job/:id/scale`: Nomad's `JobScaleStatusResponse`. Health is that of deployments, of which there are none. */
export const ScaleStatusSchema = v.object({
  JobID: v.string(),
  Namespace: v.string(),
  JobCreateIndex: CountSchema,
  JobModifyIndex: CountSchema,
  JobStopped: v.boolean(),
  TaskGroups: v.record(v.string(), ScaleGroupSchema),
});

/** @param allocations those of this job. */
export function writeScaleStatus(
  { job, stop, createIndex, modifyIndex }: RegisteredJob,
  allocations: readonly Allocation[],
): v.InferOutput<typeof ScaleStatusSchema> {
  const live = allocations.filter((one) => !isTerminal(one));
  const groups = job.groups.map(({ name, count }) => {
    const own = live.filter(({ group }) => group === name);
    const Running = own.filter((one) => clientStatus(one) === "running").length;
    return [name, { Desired: count, Placed: own.length, Running, Healthy: 0, Unhealthy: 0, Events: null }] as const;
  });
  return {
    JobID: job.id,
    Namespace: job.namespace,
    JobCreateIndex: createIndex,
    JobModifyIndex: modifyIndex,
    JobStopped: stop,
    TaskGroups: Object.fromEntries(groups),
  };
}
