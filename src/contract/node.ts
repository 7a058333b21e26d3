import * as v from "valibot";
import type { Node } from "../node/node.ts";
import { CountSchema, TextMapSchema } from "./scalars.ts";

/** What an agent says about itself that its fingerprint does not. */
export interface NodeFacts {
  /** Version of this program. */
  readonly version: string;
  /** Where clients reach this agent directly, `host:port`; "" when it listens on a unix socket alone. */
  readonly httpAddress: string;
  /** When the fingerprint was taken, in milliseconds since 1970. */
  readonly startedAt: number;
}

const DriverSchema = v.object({
  Attributes: TextMapSchema,
  Detected: v.boolean(),
  Healthy: v.boolean(),
  HealthDescription: v.string(),
  UpdateTime: v.pipe(v.string(), v.isoTimestamp()),
});

const NodeResourcesSchema = v.object({
  Cpu: v.object({ CpuShares: CountSchema, TotalCpuCores: CountSchema }),
  Memory: v.object({ MemoryMB: CountSchema }),
  Disk: v.object({ DiskMB: CountSchema }),
  Networks: v.array(v.never()),
  Devices: v.array(v.never()),
});

const ReservedResourcesSchema = v.object({
  Cpu: v.object({ CpuShares: CountSchema }),
  Memory: v.object({ MemoryMB: CountSchema }),
  Disk: v.object({ DiskMB: CountSchema }),
  Networks: v.object({ ReservedHostPorts: v.string() }),
});

/** The form that Nomad deprecated and its older clients still read. */
const OldResourcesSchema = v.object({
  CPU: CountSchema,
  MemoryMB: CountSchema,
  DiskMB: CountSchema,
  IOPS: CountSchema,
});

const common = {
  ID: v.string(),
  Name: v.string(),
  Datacenter: v.string(),
  NodeClass: v.string(),
  NodePool: v.string(),
  Status: v.literal("ready"),
  StatusDescription: v.string(),
  SchedulingEligibility: v.literal("eligible"),
  Drain: v.literal(false),
  Drivers: v.record(v.string(), DriverSchema),
  CreateIndex: CountSchema,
  ModifyIndex: CountSchema,
};

/** Nomad's `NodeListStub`. */
export const NodeStubSchema = v.object({
  ...common,
  Address: v.string(),
  Version: v.string(),
  LastDrain: v.null(),
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
  DrainStrategy: v.null(),
  LastDrain: v.null(),
  Events: v.array(v.never()),
  HostVolumes: v.record(v.string(), v.never()),
  /** Seconds since 1970. */
  StatusUpdatedAt: CountSchema,
});
export type WireNode = v.InferOutput<typeof NodeSchema>;

/** The node whole. Amounts are 0 where the fingerprint found none. */
export function writeNode(node: Node, facts: NodeFacts): WireNode {
  const resources = nodeResources(node);
  return {
    ...writeCommon(node, facts),
    HTTPAddr: facts.httpAddress,
    TLSEnabled: false,
    Attributes: node.attributes,
    Meta: node.meta,
    Links: {},
    Resources: {
      CPU: resources.Cpu.CpuShares,
      MemoryMB: resources.Memory.MemoryMB,
      DiskMB: resources.Disk.DiskMB,
      IOPS: 0,
    },
    Reserved: { CPU: 0, MemoryMB: 0, DiskMB: 0, IOPS: 0 },
    NodeResources: resources,
    ReservedResources: NOTHING_RESERVED,
    DrainStrategy: null,
    LastDrain: null,
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
    LastDrain: null,
    ...(wanted.os ? { Attributes: osName === undefined ? {} : { "os.name": osName } } : {}),
    ...(wanted.resources ? { NodeResources: nodeResources(node), ReservedResources: NOTHING_RESERVED } : {}),
  };
}

const NOTHING_RESERVED = {
  Cpu: { CpuShares: 0 },
  Memory: { MemoryMB: 0 },
  Disk: { DiskMB: 0 },
  Networks: { ReservedHostPorts: "" },
};

function writeCommon(node: Node, facts: NodeFacts) {
  return {
    ID: node.id,
    Name: node.name,
    Datacenter: node.datacenter,
    NodeClass: node.nodeClass,
    NodePool: node.nodePool,
    Status: "ready" as const,
    StatusDescription: "",
    SchedulingEligibility: "eligible" as const,
    Drain: false as const,
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

/** Bytes in Nomad's `MB`. */
const MIB = 1 << 20;

function nodeResources({ attributes }: Node): v.InferOutput<typeof NodeResourcesSchema> {
  const number = (name: string): number => Math.max(0, Math.floor(Number(attributes[name] ?? "0")) || 0);
  return {
    Cpu: { CpuShares: number("cpu.totalcompute"), TotalCpuCores: number("cpu.numcores") },
    Memory: { MemoryMB: Math.floor(number("memory.totalbytes") / MIB) },
    Disk: { DiskMB: Math.floor(number("unique.storage.bytesfree") / MIB) },
    Networks: [],
    Devices: [],
  };
}
