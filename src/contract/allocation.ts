import * as v from "valibot";
import { type Allocation, type AssignedPort, type ClientStatus, clientStatus } from "../allocation/allocation.ts";
import type { StopCause } from "../allocation/ladder.ts";
import { EVERY_ADDRESS } from "../base/every-address.ts";
import type { Group, Job } from "../job/job.ts";
import { portOwner } from "../job/task-ports.ts";
import type { Node } from "../node/node.ts";
import { JobSchema, type WireJob } from "./job-record.ts";
import { CountSchema, DEFAULT_NAMESPACE, IdSchema, NanosSchema, writeTime } from "./scalars.ts";
import { HealthSchema, writeHealth } from "./service.ts";
import { TaskStateSchema, type WireTaskState, writeTaskState } from "./task-state.ts";

/** An allocation with what it refers to. */
export interface PlacedAllocation {
  readonly allocation: Allocation;
  /** The job as it was when it was placed; null when that was purged. */
  readonly job: Job | null;
  readonly node: Node;
}

export const PortSchema = v.object({
  Label: v.string(),
  Value: CountSchema,
  To: v.pipe(v.number(), v.integer()),
  HostIP: v.string(),
});

export const NetworkSchema = v.object({
  Mode: v.string(),
  Device: v.string(),
  IP: v.string(),
  ReservedPorts: v.array(PortSchema),
  DynamicPorts: v.array(PortSchema),
});

export const AllocatedResourcesSchema = v.object({
  Tasks: v.record(
    v.string(),
    v.object({
      Cpu: v.object({ CpuShares: CountSchema }),
      Memory: v.object({ MemoryMB: CountSchema, MemoryMaxMB: v.pipe(v.number(), v.integer()) }),
      Networks: v.array(NetworkSchema),
      Devices: v.array(v.never()),
    }),
  ),
  Shared: v.object({
    DiskMB: CountSchema,
    Networks: v.array(NetworkSchema),
    /** `HostIP` is `0.0.0.0` for a port that is bound on every address. */
    Ports: v.array(PortSchema),
  }),
});
export type WireAllocatedResources = v.InferOutput<typeof AllocatedResourcesSchema>;

const common = {
  ID: IdSchema,
  EvalID: v.string(),
  Name: v.string(),
  Namespace: v.string(),
  NodeID: v.string(),
  NodeName: v.string(),
  JobID: v.string(),
  TaskGroup: v.string(),
  DesiredStatus: v.picklist(["run", "stop"]),
  DesiredDescription: v.string(),
  /** What a drain asks for, by which clients follow it; null for no. */
  DesiredTransition: v.object({
    Migrate: v.nullable(v.literal(true)),
    Reschedule: v.null(),
    ForceReschedule: v.null(),
  }),
  ClientStatus: v.picklist(["pending", "running", "complete", "failed", "lost"] as const satisfies ClientStatus[]),
  ClientDescription: v.string(),
  TaskStates: v.record(v.string(), TaskStateSchema),
  DeploymentStatus: HealthSchema,
  FollowupEvalID: v.string(),
  NextAllocation: v.string(),
  RescheduleTracker: v.null(),
  PreemptedAllocations: v.null(),
  PreemptedByAllocation: v.string(),
  CreateIndex: CountSchema,
  ModifyIndex: CountSchema,
  CreateTime: NanosSchema,
  ModifyTime: NanosSchema,
};

/** Nomad's `AllocationListStub`. */
export const AllocationStubSchema = v.object({
  ...common,
  JobType: v.string(),
  JobVersion: CountSchema,
  /** Only when asked for with `resources=true`. */
  AllocatedResources: v.optional(AllocatedResourcesSchema),
});
export type WireAllocationStub = v.InferOutput<typeof AllocationStubSchema>;

/** Nomad's `Allocation`. */
export const AllocationSchema = v.object({
  ...common,
  /** null once the job was purged. */
  Job: v.nullable(JobSchema),
  AllocatedResources: AllocatedResourcesSchema,
  DeploymentID: v.string(),
  PreviousAllocation: v.string(),
  AllocModifyIndex: CountSchema,
  /** How the node was chosen; there was one. `nomad alloc status -verbose` crashes without it. */
  Metrics: v.object({
    NodesEvaluated: CountSchema,
    NodesFiltered: CountSchema,
    NodesAvailable: v.record(v.string(), CountSchema),
    NodesExhausted: CountSchema,
    AllocationTime: NanosSchema,
    CoalescedFailures: CountSchema,
  }),
});
export type WireAllocation = v.InferOutput<typeof AllocationSchema>;

/** @param job the job on the wire, as it was when the allocation was placed. */
export function writeAllocation(placed: PlacedAllocation, job: WireJob | null): WireAllocation {
  const { allocation, node } = placed;
  return {
    ...writeCommon(placed),
    Job: job,
    AllocatedResources: writeAllocatedResources(allocation, placed.job),
    DeploymentID: "",
    PreviousAllocation: allocation.previousAllocation ?? "",
    AllocModifyIndex: allocation.modifyIndex,
    Metrics: {
      NodesEvaluated: 1,
      NodesFiltered: 0,
      NodesAvailable: { [node.datacenter]: 1 },
      NodesExhausted: 0,
      AllocationTime: 0,
      CoalescedFailures: 0,
    },
  };
}

/** @param resources adds what was given to the allocation. */
export function writeAllocationStub(placed: PlacedAllocation, resources: boolean): WireAllocationStub {
  const { allocation, job } = placed;
  return {
    ...writeCommon(placed),
    JobType: job?.type ?? "",
    JobVersion: allocation.jobVersion,
    ...(resources ? { AllocatedResources: writeAllocatedResources(allocation, job) } : {}),
  };
}

function writeCommon({ allocation, job, node }: PlacedAllocation) {
  const status = clientStatus(allocation);
  return {
    ID: allocation.id,
    EvalID: allocation.evalId,
    Name: allocation.name,
    Namespace: job?.namespace ?? DEFAULT_NAMESPACE,
    NodeID: allocation.nodeId,
    NodeName: node.name,
    JobID: allocation.jobId,
    TaskGroup: allocation.group,
    DesiredStatus: allocation.desired,
    DesiredDescription: allocation.desiredDescription,
    DesiredTransition: {
      Migrate:
        allocation.desiredDescription === ("alloc is being migrated" satisfies StopCause) ? (true as const) : null,
      Reschedule: null,
      ForceReschedule: null,
    },
    ClientStatus: status,
    ClientDescription: CLIENT_DESCRIPTIONS[status],
    TaskStates: writeTaskStates(allocation, groupOf(allocation, job)),
    DeploymentStatus: writeHealth(allocation),
    FollowupEvalID: "",
    NextAllocation: "",
    RescheduleTracker: null,
    PreemptedAllocations: null,
    PreemptedByAllocation: "",
    CreateIndex: allocation.createIndex,
    ModifyIndex: allocation.modifyIndex,
    CreateTime: writeTime(allocation.createTime),
    ModifyTime: writeTime(allocation.modifyTime),
  };
}

/** Nomad's words, which people's scripts look for. */
const CLIENT_DESCRIPTIONS: Readonly<Record<ClientStatus, string>> = {
  pending: "No tasks have started",
  running: "Tasks are running",
  complete: "All tasks have completed",
  failed: "Failed tasks",
  lost: "The end of a task left no evidence",
};

const groupOf = ({ group }: Allocation, job: Job | null): Group | undefined =>
  job?.groups.find(({ name }) => name === group);

function writeTaskStates({ tasks, ports }: Allocation, group: Group | undefined): Record<string, WireTaskState> {
  // A port of the group that is mapped into no machine may be anybody's, by `args`.
  const owners = ports.map(({ label }) => ({ label, owner: group && portOwner(group, label)?.name }));
  return Object.fromEntries(
    Object.entries(tasks).map(([name, task]) => {
      const own = owners.filter(({ owner }) => owner === undefined || owner === name);
      return [
        name,
        writeTaskState(
          task,
          own.map(({ label }) => label),
        ),
      ];
    }),
  );
}

function writeAllocatedResources(allocation: Allocation, job: Job | null): WireAllocatedResources {
  const group = groupOf(allocation, job);
  const perCore = computeOfCore(allocation, group);
  const tasks = (group?.tasks ?? []).map(({ name, resources }) => [
    name,
    {
      Cpu: { CpuShares: resources.cores > 0 ? resources.cores * perCore : resources.cpu },
      Memory: { MemoryMB: resources.memory, MemoryMaxMB: resources.memory_max },
      Networks: [],
      Devices: [],
    },
  ]);
  const ports = allocation.ports.map(writePort);
  return {
    Tasks: Object.fromEntries(tasks),
    Shared: {
      DiskMB: group?.ephemeral_disk.size ?? 0,
      Networks: ports.length === 0 ? [] : [writeNetwork(allocation.ports)],
      Ports: ports,
    },
  };
}

/** In MHz. A task with cores has their share of the compute, which the job does not say: it is what the allocation has beside the others. */
function computeOfCore({ resources }: Allocation, group: Group | undefined): number {
  const all = (group?.tasks ?? []).map((task) => task.resources);
  const cores = all.reduce((sum, one) => sum + one.cores, 0);
  const others = all.reduce((sum, one) => sum + (one.cores > 0 ? 0 : one.cpu), 0);
  return cores === 0 ? 0 : Math.floor(Math.max(0, (resources?.cpu ?? others) - others) / cores);
}

/** The `nomad` CLI prints `Shared.Ports` only when there is a network with ports. */
function writeNetwork(ports: readonly AssignedPort[]): v.InferOutput<typeof NetworkSchema> {
  return {
    Mode: "host",
    Device: "",
    IP: ports[0] === undefined ? EVERY_ADDRESS : writePort(ports[0]).HostIP,
    ReservedPorts: ports.filter((port) => port.static).map(writePort),
    DynamicPorts: ports.filter((port) => !port.static).map(writePort),
  };
}

function writePort(port: AssignedPort): v.InferOutput<typeof PortSchema> {
  return { Label: port.label, Value: port.hostPort, To: port.to, HostIP: port.hostAddress || EVERY_ADDRESS };
}
