import { FORCE_SIGNALS } from "../../allocation/ladder.ts";
import { JobDeploymentSchema } from "../../contract/agent-info.ts";
import { AllocationStubSchema } from "../../contract/allocation.ts";
import { EvaluationSchema } from "../../contract/evaluation.ts";
import { PlanReplySchema, PlanRequestSchema } from "../../contract/job-plan.ts";
import {
  JobSchema,
  JobStubSchema,
  JobSubmissionSchema,
  JobSummarySchema,
  JobVersionsSchema,
  ParsedJobSchema,
} from "../../contract/job-record.ts";
import {
  DeregisterReplySchema,
  EvaluateReplySchema,
  EvaluateRequestSchema,
  ParseRequestSchema,
  RegisterReplySchema,
  RegisterRequestSchema,
  RevertRequestSchema,
  ValidateReplySchema,
  ValidateRequestSchema,
} from "../../contract/job-requests.ts";
import { ScaleRequestSchema, ScaleStatusSchema } from "../../contract/job-scale.ts";
import { ServiceSchema } from "../../contract/service.ts";
import { change, count, flag, list, type Parameter, type RouteDescriptions, read, text, word } from "./description.ts";

/** How machines are stopped. */
export const STOPPING: readonly Parameter[] = [
  word("signal", FORCE_SIGNALS, "Instead of the button and QEMU's quit: this signal to QEMU, at once."),
  flag("no_shutdown_delay", "Without the shutdown_delay of the job."),
];

/** Whether the answer tells of what was given to allocations. */
export const RESOURCES = flag("resources", "With AllocatedResources.");

const PLACING = [404, 409, 504] as const;

/** Routes below `/v1/jobs`, `/v1/job/:id` and `/v1/validate`. */
export const JOB_ROUTES: RouteDescriptions = {
  "GET /v1/jobs": read("List jobs.", list(JobStubSchema), {
    query: [text("prefix", "Only ids that begin so."), flag("meta", "With the meta of each.")],
  }),
  "PUT /v1/jobs": change("Register a job, or a new version of it.", RegisterReplySchema, {
    request: { schema: RegisterRequestSchema },
    errors: PLACING,
  }),
  "PUT /v1/jobs/parse": change("Turn the text of a job file into JSON.", ParsedJobSchema, {
    request: { schema: ParseRequestSchema },
  }),
  "PUT /v1/validate/job": change("Tell what is wrong with a job, and what is doubtful.", ValidateReplySchema, {
    request: { schema: ValidateRequestSchema },
  }),
  "GET /v1/job/:id": read("Read the newest version of a job.", JobSchema, { errors: [404] }),
  "PUT /v1/job/:id": change("Register a new version of a job.", RegisterReplySchema, {
    request: { schema: RegisterRequestSchema },
    errors: PLACING,
  }),
  "DELETE /v1/job/:id": change("Stop a job.", DeregisterReplySchema, {
    query: [
      flag("purge", "Forget it once its machines have ended."),
      flag("discard", "With purge: remove also the disks that guests wrote to. Needs the role admin."),
      ...STOPPING,
    ],
    errors: PLACING,
  }),
  "PUT /v1/job/:id/plan": change("Tell what registering a job would change.", PlanReplySchema, {
    request: { schema: PlanRequestSchema },
    errors: PLACING,
  }),
  "GET /v1/job/:id/summary": read("Count the allocations of a job by group and status.", JobSummarySchema, {
    errors: [404],
  }),
  "GET /v1/job/:id/allocations": read("List the allocations of a job.", list(AllocationStubSchema), {
    query: [RESOURCES],
  }),
  "GET /v1/job/:id/evaluations": read("List the evaluations of a job.", list(EvaluationSchema)),
  "GET /v1/job/:id/deployment": read("Nomad's newest deployment of a job; there are none.", JobDeploymentSchema),
  "GET /v1/job/:id/versions": read("List the versions of a job that are remembered.", JobVersionsSchema, {
    query: [flag("diffs", "With what each changed.")],
    errors: [404],
  }),
  "PUT /v1/job/:id/revert": change("Make an earlier version of a job the newest one.", RegisterReplySchema, {
    request: { schema: RevertRequestSchema },
    errors: PLACING,
  }),
  "PUT /v1/job/:id/evaluate": change("Have the agent look at a job once more.", EvaluateReplySchema, {
    request: { schema: EvaluateRequestSchema, optional: true },
    errors: PLACING,
  }),
  "GET /v1/job/:id/scale": read("Read how many machines each group of a job has.", ScaleStatusSchema, {
    errors: [404],
  }),
  "PUT /v1/job/:id/scale": change("Change how many machines a group of a job has.", RegisterReplySchema, {
    request: { schema: ScaleRequestSchema },
    errors: PLACING,
  }),
  "GET /v1/job/:id/submission": read("Read the job file of a version.", JobSubmissionSchema, {
    query: [count("version", "The newest unless given.")],
    errors: [404],
  }),
  "GET /v1/job/:id/services": read("List the services of a job that run.", list(ServiceSchema), { errors: [404] }),
};
