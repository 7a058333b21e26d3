import * as v from "valibot";
import { EVERY_ADDRESS } from "../base/every-address.ts";
import { formatRanges, inRanges } from "../base/ranges.ts";
import { type Drain, NO_DRAIN } from "../node/drain.ts";
import type { Capacity, HostNetwork, Node } from "../node/node.ts";
import { DrainStrategySchema, LastDrainSchema, writeLastDrain, writeStrategy } from "./drain.ts";
import { CountSchema, SentTextSchema, TextMapSchema } from "./scalars.ts";

/** What an agent says about itself that its fingerprint does not. */
export interface NodeFacts {
  /** Version of this program. */
  readonly version: string;
  /** Where clients reach this agent directly, `host:port`; "" when it listens on a unix socket alone. */
  readonly httpAddress: string;
  /** Whether they reach it there by TLS. */
  readonly tls?: boolean;
  /** When the fingerprint was taken, in milliseconds since 1970. */
  readonly startedAt: number;
  /** Whether machines may be placed on it; they may unless told. */
  readonly eligible?: boolean;
  /** How it is being emptied of machines; it never was unless told. */
  readonly drain?: Drain;
}

export const DriverSchema = v.object({
  Attributes: TextMapSchema,
  Detected: v.boolean(),
  Healthy: v.boolean(),
  HealthDescription: v.string(),
  UpdateTime: v.pipe(v.string(), v.isoTimestamp()),
});

export const NodeNetworkSchema = v.object({
  Mode: v.literal("host"),
  Device: v.string(),
  Addresses: v.array(
    v.object({
      Family: v.literal("ipv4"),
      /** The name of the `host_network`. */
      Alias: v.string(),
      /** `0.0.0.0` for every address. */
      Address: v.string(),
      ReservedPorts: v.string(),
    }),
  ),
});

export const NodeResourcesSchema = v.object({
  Cpu: v.object({ CpuShares: CountSchema, TotalCpuCores: CountSchema }),
  Memory: v.object({ MemoryMB: CountSchema }),
  Disk: v.object({ DiskMB: CountSchema }),
  Networks: v.array(v.never()),
  NodeNetworks: v.array(NodeNetworkSchema),
  Devices: v.array(v.never()),
  MinDynamicPort: CountSchema,
  MaxDynamicPort: CountSchema,
});

export const ReservedResourcesSchema = v.object({
  Cpu: v.object({ CpuShares: CountSchema, ReservedCpuCores: v.array(CountSchema) }),
  Memory: v.object({ MemoryMB: CountSchema }),
  Disk: v.object({ DiskMB: CountSchema }),
  Networks: v.object({ ReservedHostPorts: v.string() }),
});

/** The form that Nomad deprecated and its older clients still read. */
export const OldResourcesSchema = v.object({
  CPU: CountSchema,
  MemoryMB: CountSchema,
  DiskMB: CountSchema,
  IOPS: CountSchema,
});

const ELIGIBILITIES = ["eligible", "ineligible"] as const;

const common = {
  ID: v.string(),
  Name: v.string(),
  Datacenter: v.string(),
  NodeClass: v.string(),
  NodePool: v.string(),
  Status: v.literal("ready"),
  StatusDescription: v.string(),
  SchedulingEligibility: v.picklist(ELIGIBILITIES),
  Drain: v.boolean(),
  /** Of the drain that is under way, or the last one. */
  LastDrain: v.nullable(LastDrainSchema),
  Drivers: v.record(v.string(), DriverSchema),
  CreateIndex: CountSchema,
  ModifyIndex: CountSchema,
};

/** Nomad's `NodeListStub`. */
export const NodeStubSchema = v.object({
  ...common,
  Address: v.string(),
  Version: v.string(),
  /** Only when asked for with `os=true`: the operating system alone. */
  Attributes: v.optional(TextMapSchema),
  /** Only when asked for with `resources=true`. */
  NodeResources: v.optional(NodeResourcesSchema),
  ReservedResources: v.optional(ReservedResourcesSchema),
});
export type WireNodeStub = v.InferOutput<typeof NodeStubSchema>;

/** Nomad's `Node`. */
export const NodeSchema = v.object({
  ...common,
  HTTPAddr: v.string(),
  TLSEnabled: v.boolean(),
  Attributes: TextMapSchema,
  Meta: TextMapSchema,
  Links: v.record(v.string(), v.string()),
  Resources: OldResourcesSchema,
  Reserved: OldResourcesSchema,
  NodeResources: NodeResourcesSchema,
  ReservedResources: ReservedResourcesSchema,
  /** null while it is not drained. */
  DrainStrategy: v.nullable(DrainStrategySchema),
  Events: v.array(v.never()),
  HostVolumes: v.record(v.string(), v.never()),
  /** Seconds since 1970. */
  StatusUpdatedAt: CountSchema,
});
export type WireNode = v.InferOutput<typeof NodeSchema>;

/** The node whole. `CpuShares` is 0 where nobody could tell, and not counted then. */
export function writeNode(node: Node, facts: NodeFacts): WireNode {
  const resources = writeResources(node.capacity);
  const reserved = writeReserved(node.capacity);
  return {
    ...writeCommon(node, facts),
    HTTPAddr: facts.httpAddress,
    TLSEnabled: facts.tls === true,
    Attributes: node.attributes,
    Meta: node.meta,
    Links: {},
    Resources: {
      CPU: resources.Cpu.CpuShares,
      MemoryMB: resources.Memory.MemoryMB,
      DiskMB: resources.Disk.DiskMB,
      IOPS: 0,
    },
    Reserved: {
      CPU: reserved.Cpu.CpuShares,
      MemoryMB: reserved.Memory.MemoryMB,
      DiskMB: reserved.Disk.DiskMB,
      IOPS: 0,
    },
    NodeResources: resources,
    ReservedResources: reserved,
    DrainStrategy: writeStrategy((facts.drain ?? NO_DRAIN).strategy),
    Events: [],
    HostVolumes: {},
    StatusUpdatedAt: Math.floor(facts.startedAt / 1000),
  };
}

/** @param wanted adds what a list leaves out unless asked. */
export function writeNodeStub(
  node: Node,
  facts: NodeFacts,
  wanted: { readonly os: boolean; readonly resources: boolean },
): WireNodeStub {
  const osName = node.attributes["os.name"];
  return {
    ...writeCommon(node, facts),
    Address: node.attributes["unique.network.ip-address"] ?? "",
    Version: facts.version,
    ...(wanted.os ? { Attributes: osName === undefined ? {} : { "os.name": osName } } : {}),
    ...(wanted.resources
      ? { NodeResources: writeResources(node.capacity), ReservedResources: writeReserved(node.capacity) }
      : {}),
  };
}

function writeCommon(node: Node, facts: NodeFacts) {
  const drain = facts.drain ?? NO_DRAIN;
  return {
    ID: node.id,
    Name: node.name,
    Datacenter: node.datacenter,
    NodeClass: node.nodeClass,
    NodePool: node.nodePool,
    Status: "ready" as const,
    StatusDescription: "",
    SchedulingEligibility: facts.eligible === false ? ("ineligible" as const) : ("eligible" as const),
    Drain: drain.strategy !== null,
    LastDrain: writeLastDrain(drain),
    Drivers: { qemu: writeDriver(node, facts) },
    // The node is the agent's own: it is there from the first index on and changes with the agent alone.
    CreateIndex: 1,
    ModifyIndex: 1,
  };
}

function writeDriver({ qemu, attributes }: Node, facts: NodeFacts): v.InferOutput<typeof DriverSchema> {
  const own = Object.entries(attributes).filter(([name]) => name === "driver.qemu" || name.startsWith("driver.qemu."));
  return {
    Attributes: Object.fromEntries(own),
    Detected: qemu.emulators.length > 0,
    Healthy: qemu.healthy,
    HealthDescription: describeHealth(qemu),
    UpdateTime: new Date(facts.startedAt).toISOString(),
  };
}

/** Nomad's word for health, with why KVM is not to be had where it is not. */
function describeHealth({ healthy, description, kvm }: Node["qemu"]): string {
  return healthy && !kvm.usable ? `${description} without KVM: ${kvm.reason}` : description;
}

function writeResources({ total, dynamicPorts, hostNetworks }: Capacity): v.InferOutput<typeof NodeResourcesSchema> {
  return {
    Cpu: { CpuShares: total.cpu, TotalCpuCores: total.cores },
    Memory: { MemoryMB: total.memory },
    Disk: { DiskMB: total.disk },
    Networks: [],
    NodeNetworks: hostNetworks.flatMap(writeNetwork),
    Devices: [],
    MinDynamicPort: dynamicPorts.first,
    MaxDynamicPort: dynamicPorts.last,
  };
}

/** A network that has no address now is not one to choose. */
function writeNetwork(network: HostNetwork): v.InferOutput<typeof NodeNetworkSchema>[] {
  if (network.address === null) return [];
  const address = {
    Family: "ipv4" as const,
    Alias: network.name,
    Address: network.address || EVERY_ADDRESS,
    ReservedPorts: formatRanges(network.reservedPorts),
  };
  return [{ Mode: "host", Device: network.interface, Addresses: [address] }];
}

function writeReserved({ total, reserved, ...capacity }: Capacity): v.InferOutput<typeof ReservedResourcesSchema> {
  const cores = Array.from({ length: total.cores }, (_, core) => core);
  return {
    Cpu: {
      CpuShares: reserved.cpu,
      ReservedCpuCores: cores.filter((core) => inRanges(capacity.reservedCores, core)),
    },
    Memory: { MemoryMB: reserved.memory },
    Disk: { DiskMB: reserved.disk },
    Networks: { ReservedHostPorts: formatRanges(capacity.reservedPorts) },
  };
}

/** Body of `PUT /v1/node/:id/eligibility`. */
export const EligibilityRequestSchema = v.object({ NodeID: SentTextSchema, Eligibility: v.picklist(ELIGIBILITIES) });

/** Reply to it, and to `PUT /v1/node/:id/drain`: Nomad's `NodeEligibilityUpdateResponse` and `NodeDrainUpdateResponse`. What waits is looked at at once, by its own evaluation. */
export const EligibilityReplySchema = v.object({
  NodeModifyIndex: CountSchema,
  EvalIDs: v.array(v.never()),
  EvalCreateIndex: CountSchema,
  Index: CountSchema,
});
export type WireEligibilityReply = v.InferOutput<typeof EligibilityReplySchema>;

/** @param index of the change. */
export function writeEligibilityReply(index: number): WireEligibilityReply {
  return { NodeModifyIndex: index, EvalIDs: [], EvalCreateIndex: 0, Index: index };
}
