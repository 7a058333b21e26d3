import * as v from "valibot";
import { GuestSchema } from "./guest-reply.ts";
import { count, flag, list, map, text, textMap } from "./lenient.ts";

/** Of `PUT /v1/jobs` and `DELETE /v1/job/:id`. */
export const RegisteredSchema = v.object({
  EvalID: text,
  JobModifyIndex: count,
  Warnings: text,
  /** A real Nomad, and a former version, do not say. */
  Paddock: v.nullish(v.object({ JobID: text, /** That the job asks for. */ Machines: count })),
});
export type Registered = v.InferOutput<typeof RegisteredSchema>;

/** A change that is made only if the job's last one is this; 0 for a job that is not there yet. */
export interface OnlyAtIndex {
  readonly EnforceIndex: true;
  readonly JobModifyIndex: number;
}

/** Of `PUT /v1/validate/job`; a real Nomad, and a former version, say nothing of disks. */
export const ValidatedSchema = v.object({
  Paddock: v.nullish(v.object({ Discards: list(v.object({ AllocID: text, Message: text })) }), { Discards: [] }),
});

const GroupSummarySchema = v.object({
  Queued: count,
  Starting: count,
  Running: count,
  Failed: count,
  Complete: count,
  Lost: count,
});
export type GroupSummary = v.InferOutput<typeof GroupSummarySchema>;

export const JobEntrySchema = v.object({
  ID: v.string(),
  Name: text,
  Type: text,
  Priority: count,
  Status: text,
  Stop: flag,
  /** Nanoseconds since 1970. */
  SubmitTime: count,
  /** By group: how many allocations wait for room, and are in which state. Absent in `/v1/job/:id`. */
  JobSummary: v.nullish(v.object({ Summary: map(GroupSummarySchema) }), null),
});
export type JobEntry = v.InferOutput<typeof JobEntrySchema>;

export const JobInfoSchema = v.object({
  ...JobEntrySchema.entries,
  Version: count,
  JobModifyIndex: count,
  Datacenters: list(v.string()),
  TaskGroups: list(v.object({ Name: v.string(), Count: count, Tasks: list(v.object({ Name: v.string() })) })),
});
export type JobInfo = v.InferOutput<typeof JobInfoSchema>;

const countMap = map(count);

export const PlacementMetricSchema = v.object({
  ConstraintFiltered: countMap,
  NodesExhausted: count,
  DimensionExhausted: countMap,
  CoalescedFailures: count,
  /** Absent in the replies of a real Nomad. */
  Paddock: v.nullish(v.object({ Reasons: list(v.string()), Never: flag }), null),
});
export type PlacementMetric = v.InferOutput<typeof PlacementMetricSchema>;

export const EvaluationSchema = v.object({
  ID: v.string(),
  JobID: text,
  Status: text,
  StatusDescription: text,
  BlockedEval: text,
  FailedTGAllocs: map(PlacementMetricSchema),
  CreateIndex: count,
});
export type Evaluation = v.InferOutput<typeof EvaluationSchema>;

const StopReceiptSchema = v.object({
  Cause: text,
  RequestedAt: count,
  Graceful: flag,
  ShutdownDelay: count,
  KillTimeout: count,
  Force: v.nullish(v.string(), null),
  Rung: v.nullish(v.string(), null),
  Took: count,
  Tries: list(v.object({ Rung: v.string(), At: count, Answer: v.nullish(v.string(), null) })),
});
export type StopReceipt = v.InferOutput<typeof StopReceiptSchema>;

const CgroupSchema = v.object({
  MemoryMax: v.nullish(v.number(), null),
  MemoryPeak: v.nullish(v.number(), null),
  LimitHits: v.nullish(v.number(), null),
  OOMKills: v.nullish(v.number(), null),
  CPUTime: v.nullish(v.number(), null),
});
export type CgroupNumbers = v.InferOutput<typeof CgroupSchema>;

export const EndingSchema = v.object({
  Reason: text,
  Failed: flag,
  ExitCode: v.nullish(v.number(), null),
  Signal: count,
  At: count,
  Message: text,
  Hint: v.nullish(v.string(), null),
  Cgroup: v.nullish(CgroupSchema, null),
  Stop: v.nullish(StopReceiptSchema, null),
});
export type Ending = v.InferOutput<typeof EndingSchema>;

export const ProgressSchema = v.object({ Source: text, Bytes: count, Total: v.nullish(v.number(), null), Rate: count });
export type Progress = v.InferOutput<typeof ProgressSchema>;

export const UserSchema = v.nullish(v.object({ Uid: v.number(), Gid: v.number() }), null);

const MachineSchema = v.object({
  Machine: text,
  ...GuestSchema.entries,
  Adopted: flag,
  Pid: v.nullish(v.number(), null),
  User: UserSchema,
  /** Labels; null of an agent that does not tell. */
  Ports: v.nullish(v.array(v.string()), null),
  Progress: v.nullish(ProgressSchema, null),
  Ending: v.nullish(EndingSchema, null),
});
export type Machine = v.InferOutput<typeof MachineSchema>;

export const TaskEventSchema = v.object({
  Type: text,
  Time: count,
  Message: text,
  DisplayMessage: text,
  Details: textMap,
  FailsTask: flag,
});
export type TaskEvent = v.InferOutput<typeof TaskEventSchema>;

export const TaskStateSchema = v.object({
  State: text,
  Failed: flag,
  Restarts: count,
  /** RFC 3339; null before. */
  StartedAt: v.nullish(v.string(), null),
  FinishedAt: v.nullish(v.string(), null),
  Events: list(TaskEventSchema),
  /** Absent in the replies of a real Nomad. */
  Paddock: v.nullish(MachineSchema, null),
});
export type TaskState = v.InferOutput<typeof TaskStateSchema>;

const PortSchema = v.object({ Label: text, Value: count, To: count, HostIP: text });
export type Port = v.InferOutput<typeof PortSchema>;

export const AllocationSchema = v.object({
  ID: v.string(),
  EvalID: text,
  Name: text,
  JobID: text,
  /** Only in lists. */
  JobVersion: count,
  TaskGroup: text,
  NodeName: text,
  DesiredStatus: text,
  DesiredDescription: text,
  ClientStatus: text,
  ClientDescription: text,
  TaskStates: map(TaskStateSchema),
  /** Health by the checks of its services; null without any. */
  DeploymentStatus: v.nullish(v.object({ Healthy: v.nullish(v.boolean(), null) }), null),
  AllocatedResources: v.nullish(
    v.object({
      Tasks: map(
        v.object({
          Cpu: v.nullish(v.object({ CpuShares: count }), null),
          Memory: v.nullish(v.object({ MemoryMB: count }), null),
        }),
      ),
      Shared: v.nullish(v.object({ DiskMB: count, Ports: list(PortSchema) }), { DiskMB: 0, Ports: [] }),
    }),
    null,
  ),
  CreateTime: count,
  ModifyTime: count,
});
export type Allocation = v.InferOutput<typeof AllocationSchema>;

const CheckSchema = v.object({
  ID: v.string(),
  Check: text,
  Service: text,
  Group: text,
  Task: text,
  Mode: text,
  Status: text,
  StatusCode: count,
  Output: text,
  /** Seconds since 1970. */
  Timestamp: count,
  /** Absent in the replies of a real Nomad. */
  Paddock: v.nullish(v.object({ Type: text, Address: text, Unhealthy: count, Limit: count }), null),
});
export type Check = v.InferOutput<typeof CheckSchema>;
/** Of `GET /v1/client/allocation/:id/checks`. */
export const ChecksSchema = map(CheckSchema);

const DriveSchema = v.object({
  Name: text,
  ReadBytes: count,
  WrittenBytes: count,
  Reads: count,
  Writes: count,
  ReadErrors: count,
  WriteErrors: count,
});
export type Drive = v.InferOutput<typeof DriveSchema>;

const TaskUsageSchema = v.object({
  ResourceUsage: v.object({
    MemoryStats: v.object({ RSS: count, Swap: count, MaxUsage: count }),
    CpuStats: v.object({ Percent: count, TotalTicks: count }),
  }),
  /** Absent in the replies of a real Nomad. */
  Paddock: v.nullish(
    v.object({
      CpuSeconds: count,
      Drives: v.nullish(v.array(DriveSchema), null),
      Balloon: v.nullish(v.number(), null),
      PSS: v.nullish(v.number(), null),
      Vcpus: v.nullish(v.array(v.object({ Index: count, CpuSeconds: count })), null),
    }),
    null,
  ),
});
export type TaskUsage = v.InferOutput<typeof TaskUsageSchema>;
/** Of `GET /v1/client/allocation/:id/stats`. */
export const UsageSchema = v.object({ Tasks: map(TaskUsageSchema) });

/** Of `GET /v1/metrics`: the gauges alone. */
export const MetricsSchema = v.object({ Gauges: list(v.object({ Name: text, Value: count, Labels: textMap })) });

export const NodeEntrySchema = v.object({ ID: v.string(), Name: text });

const NodeAmountsSchema = v.nullish(
  v.object({
    Cpu: v.nullish(v.object({ CpuShares: count }), null),
    Memory: v.nullish(v.object({ MemoryMB: count }), null),
    Disk: v.nullish(v.object({ DiskMB: count }), null),
    Networks: v.nullish(v.union([v.object({ ReservedHostPorts: text }), v.array(v.unknown())]), null),
    NodeNetworks: list(v.object({ Addresses: list(v.object({ Alias: text, Address: text })) })),
  }),
  null,
);
export type NodeAmounts = v.InferOutput<typeof NodeAmountsSchema>;

export const NodeInfoSchema = v.object({
  ...NodeEntrySchema.entries,
  Datacenter: text,
  NodeClass: text,
  Status: text,
  SchedulingEligibility: text,
  /** Null while it is not drained. */
  DrainStrategy: v.nullish(
    v.object({ Deadline: count, IgnoreSystemJobs: flag, ForceDeadline: v.nullish(v.string(), null) }),
    null,
  ),
  LastDrain: v.nullish(v.object({ Status: text, StartedAt: text, UpdatedAt: text, Meta: textMap }), null),
  Attributes: textMap,
  Meta: textMap,
  Drivers: map(v.object({ Detected: flag, Healthy: flag, HealthDescription: text })),
  NodeResources: NodeAmountsSchema,
  ReservedResources: NodeAmountsSchema,
});
export type NodeInfo = v.InferOutput<typeof NodeInfoSchema>;

/** Of `GET /v1/agent/self`: only the node's id. */
export const SelfSchema = v.object({ stats: map(textMap) });

/** Of `PUT /v1/vm/:alloc/:task/power`. */
export const PowerOutcomeSchema = v.object({ Guest: text, Message: text });
export type PowerOutcome = v.InferOutput<typeof PowerOutcomeSchema>;

/** One frame of a followed log; `Offset` is where its data ends in the file. */
export const LogFrameSchema = v.object({
  File: v.optional(v.string()),
  Offset: v.nullish(v.number()),
  Data: v.nullish(v.string()),
  Time: v.nullish(v.number()),
  Inferred: flag,
});
